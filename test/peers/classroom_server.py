#!/usr/bin/env python3
"""A classroom server written from the protocol's document alone, to test clients against.

It listens on loopback only, and knows one framing at a time: bare, or lines with --line.
"""
import argparse
import os
import random
import socket
import struct
import sys
import threading
import time

PART = 2043           # bytes of the file in one datagram
GAP = 0.06            # seconds between two messages to a bare peer
LONGEST = 65536       # bytes of one message
PER_PORT = 15         # clients at a time on one port
lock = threading.Lock()
users = {}            # name -> Client, in order of connection
per_port = {}         # port -> clients there now


def to_all(text):
    with lock:
        everybody = list(users.values())
    for client in everybody:
        client.send(text)


def file_names():
    return sorted(name for name in os.listdir(options.files) if not name.startswith('.')
                  and os.path.isfile(os.path.join(options.files, name)))


class Download:
    def __init__(self, client, name):
        with open(os.path.join(options.files, name), 'rb') as file:
            data = file.read()
        self.client, self.udp, self.last = client, None, data[-1] if data else 'none'
        self.parts = [struct.pack('>I', at // PART) + b':' + data[at:at + PART]
                      for at in range(0, len(data), PART)]
        self.go = threading.Event()  # set when the second half may be sent
        if len(self.parts) < 2:
            self.go.set()

    def send_parts(self, numbers):
        try:
            for count, seq in enumerate(numbers, 1):
                if chance.random() >= options.drop:
                    self.udp.send(self.parts[seq])
                if count % 16 == 0:
                    time.sleep(0.001)
        except OSError:
            pass  # the download has ended, or the client's socket is gone

    def send_all(self):
        half = len(self.parts) // 2
        self.send_parts(range(half))
        self.go.wait()
        self.send_parts(range(half, len(self.parts)))

    def end(self, text=None):
        self.client.download = None
        if self.udp:
            self.udp.close()
        self.go.set()  # so that the sending thread comes to its end
        if text:
            self.client.send(text)

    def handle(self, text):
        if text == 'proceed':
            self.go.set()
        elif text == 'stop' and self.go.is_set():
            self.end('User %s downloaded 100%% out of file. Last byte is: %s'
                     % (self.client.name, self.last))
        elif self.udp is None:
            if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
                return self.end("Can't download. Wrong address")
            self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            self.udp.connect((self.client.tcp.getpeername()[0], int(text)))
            threading.Thread(target=self.send_all, daemon=True).start()
        elif text[:1].isdigit():
            end = len(self.parts) if self.go.is_set() else len(self.parts) // 2
            numbers = [int(word) for word in text.split() if word.isascii() and word.isdigit()]
            self.send_parts(seq for seq in numbers if seq < end)
        elif not self.go.is_set():
            self.end('download stopped')


class Client:
    def __init__(self, tcp):
        self.tcp, self.name, self.download = tcp, None, None
        self.sending, self.quiet_until = threading.Lock(), 0.0

    def send(self, text):
        with self.sending:
            if not options.line:
                time.sleep(max(0.0, self.quiet_until - time.monotonic()))
            try:
                self.tcp.sendall((text + ('\n' if options.line else '')).encode())
            except OSError:
                pass  # the thread that reads from this client notices and cleans up
            self.quiet_until = time.monotonic() + GAP

    def messages(self):
        rest = b''
        while True:
            data = self.tcp.recv(LONGEST + 1)
            if not data:
                return
            found = [data]
            if options.line:
                *found, rest = (rest + data).split(b'\n')
            if max(map(len, found + [rest])) > LONGEST:
                return self.send('message too long')
            for message in found:
                text = message.decode('utf-8', 'replace')
                yield text.removesuffix('\r') if options.line else text

    def connect(self, name):
        if self.name is not None:
            return self.send("can't connect. Already connected")
        if (not name or len(name.encode()) > 64 or '|' in name or not name.isprintable()
                or name != name.strip()):
            return self.send("can't connect. Name is illegal. Try another")
        with lock:
            taken = name in users
            if not taken:
                users[name], self.name = self, name
        if taken:
            return self.send("can't connect. Name is taken. Try another")
        to_all(name + ' is connected')
        self.send('connected')

    def handle(self, text):
        word, bar, rest = text.partition('|')
        if text == 'get_users':
            with lock:
                names = list(users)
            self.send('users: [%s]' % ', '.join(names))
        elif text == 'get_list_file':
            self.send('files: [%s]' % ', '.join(file_names()))
        elif word == 'connect' and bar:
            self.connect(rest)
        elif self.name is None:
            what = 'download' if word == 'download' and bar else 'send message'
            self.send("Can't %s. Need to log in first" % what)
        elif word == 'msg_all' and bar:
            to_all('%s (to all): %s' % (self.name, rest))
        elif word == 'msg' and bar:
            data, _, target = rest.rpartition('|')
            with lock:
                other = users.get(target)
            if other:
                other.send('%s: %s' % (self.name, data))
            else:
                self.send("Can't send message. %s is not online" % target)
        elif word == 'download' and bar:
            if self.download:
                self.send("Can't download. Another download is running")
            elif rest not in file_names():
                self.send("Can't download. File not found")
            else:
                self.download = Download(self, rest)
                self.send('|%d' % len(self.download.parts))
        elif self.download:
            self.download.handle(text)
        else:
            self.send('Unknown command: ' + text[:40])

    def serve(self, port):
        try:
            for text in self.messages():
                if text == 'disconnect':
                    self.send('disconnected')
                    break
                self.handle(text)
        except OSError:
            pass  # a connection that breaks ends like one that is closed
        if self.download:
            self.download.end()
        self.tcp.close()
        with lock:
            per_port[port] -= 1
            if self.name is not None:
                del users[self.name]
        if self.name is not None:
            to_all(self.name + ' is disconnected')


def accept(listener, port):
    while True:
        client = Client(listener.accept()[0])
        with lock:
            full = per_port[port] >= PER_PORT
            per_port[port] += 0 if full else 1
        if full:
            client.send("can't connect. Port is full. Try another")
            client.tcp.close()
        else:
            threading.Thread(target=client.serve, args=(port,), daemon=True).start()


def main():
    first, _, last = options.ports.partition('-')
    for port in range(int(first), int(last or first) + 1):
        try:
            listener = socket.create_server(('127.0.0.1', port))
        except OSError as error:
            print('port %d: %s' % (port, error), file=sys.stderr)
            continue
        port = listener.getsockname()[1]
        per_port[port] = 0
        threading.Thread(target=accept, args=(listener, port), daemon=True).start()
        print('listening on %d' % port, flush=True)
    if not per_port:
        return 1
    try:
        threading.Event().wait()
    except KeyboardInterrupt:
        return 0


if __name__ == '__main__':
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--ports', default='55000-55015', help='a port or a range; 0: any')
    parser.add_argument('--files', required=True, metavar='DIR')
    parser.add_argument('--line', action='store_true', help='messages end with LF')
    parser.add_argument('--drop', type=float, default=0.0, metavar='P', help='share to lose, 0..1')
    parser.add_argument('--seed', type=int, default=1)
    options = parser.parse_args()
    chance = random.Random(options.seed)
    sys.exit(main())
