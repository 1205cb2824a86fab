#!/usr/bin/env python3
"""A classroom client written from the protocol's document alone, to test servers against.

It is strict: whatever differs from the document ends it with exit code 1 and a reason on stderr.
"""
import argparse
import os
import queue
import random
import socket
import sys
import threading
import time

PART = 2043   # bytes of the file in one datagram
GAP = 0.06    # seconds between two sends of a bare peer, so that they stay two messages
TROUBLE = ("can't ", "Can't ", 'Unknown command', 'message too long', 'server is closing',
           'download stopped')


class Wrong(Exception):
    """Something was not as the document says."""


class Client:
    def __init__(self, options):
        self.options = options
        self.tcp = socket.create_connection((options.server, options.port))
        self.inbox = queue.Queue()
        self.quiet_until = 0.0
        self.chance = random.Random(options.seed)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        """Puts every message of the server in the inbox, and None at the end."""
        rest = b''
        while True:
            try:
                data = self.tcp.recv(65536)
            except OSError:
                data = b''
            if not data:
                self.inbox.put(None)
                return
            messages = [data]
            if data.endswith(b' is connectedconnected'):  # not read in time
                messages = [data[:-len(b'connected')], b'connected']
            if self.options.line:
                *messages, rest = (rest + data).split(b'\n')
            for message in messages:
                text = message.decode('utf-8', 'replace')
                text = text.removesuffix('\r') if self.options.line else text
                shown = text.replace('\r', '\\r').replace('\n', '\\n')
                print('<< ' + shown, flush=True)
                self.inbox.put(text)

    def send(self, text):
        if not self.options.line:
            time.sleep(max(0.0, self.quiet_until - time.monotonic()))
        self.tcp.sendall((text + ('\n' if self.options.line else '')).encode())
        self.quiet_until = time.monotonic() + GAP

    def look(self, text, waiting_for):
        if text is None:
            raise Wrong('the connection ended, expected: ' + waiting_for)
        if text.startswith(TROUBLE):
            raise Wrong('got %r, expected: %s' % (text, waiting_for))

    def expect(self, wanted, start=False):
        """Waits for that message; others' messages may come in between."""
        while True:
            text = self.inbox.get()
            if text is not None and (text.startswith(wanted) if start else text == wanted):
                self.quiet_until = 0.0  # a reply separates two sends as well as a silence does
                return text
            self.look(text, wanted)

    def parse(self, datagram, count):
        """The sequence number and the data of one datagram."""
        if self.options.ip_port:
            digits, colon, data = datagram.partition(b':')
            seq = int(digits) if digits.isdigit() and len(digits) <= 4 else -1
        else:
            seq, colon, data = int.from_bytes(datagram[:4], 'big'), datagram[4:5], datagram[5:]
        full = len(data) == PART or (seq == count - 1 and 0 < len(data) < PART)
        if colon != b':' or not 0 <= seq < count or not full:
            raise Wrong('bad datagram of %d bytes: %r' % (len(datagram), datagram[:12]))
        return seq, data

    def receive(self, udp, parts, end):
        """Fills parts[0:end], asking over TCP for what does not come."""
        missing = {seq for seq in range(end) if parts[seq] is None}
        timer = 0.1
        while missing:
            udp.settimeout(timer)
            try:
                datagram, address = udp.recvfrom(65536)
            except socket.timeout:
                while not self.inbox.empty():
                    self.look(self.inbox.get(), 'the parts of the file')
                numbers = [str(seq) for seq in sorted(missing)]
                for first in range(0, len(numbers), 1000):
                    self.send(' '.join(numbers[first:first + 1000]))
                timer += 0.1
                continue
            if address[0] != self.tcp.getpeername()[0]:
                continue
            seq, data = self.parse(datagram, len(parts))
            if seq >= end:
                raise Wrong('part %d came before the answer at 50 %%' % seq)
            if parts[seq] not in (None, data):
                raise Wrong('part %d came twice with different data' % seq)
            if self.chance.random() >= self.options.drop and parts[seq] is None:
                parts[seq] = data
                missing.discard(seq)
                timer = 0.1

    def download(self, name):
        self.send('download|' + name)
        count = int(self.expect('|', start=True)[1:])
        parts = [None] * count
        with socket.socket(self.tcp.family, socket.SOCK_DGRAM) as udp:
            udp.bind((self.tcp.getsockname()[0], 0))
            ip, port = udp.getsockname()[:2]
            self.send('%s|%d' % (ip, port) if self.options.ip_port else str(port))
            if count >= 2:
                self.receive(udp, parts, count // 2)
                self.send(self.options.answer)
                if self.options.answer != 'proceed':
                    self.expect('download stopped')
                    return
            self.receive(udp, parts, count)
        data = b''.join(parts)
        self.send('stop')
        self.expect('User %s downloaded 100%% out of file. Last byte is: %s'
                    % (self.options.name, data[-1] if data else 'none'))
        with open(self.options.out, 'wb') as file:
            file.write(data)

    def run(self):
        o = self.options
        self.send('get_users')
        self.expect('users: [', start=True)
        self.send('get_list_file')
        self.expect('files: [', start=True)
        self.send('connect|' + o.name)
        self.expect(o.name + ' is connected')
        self.expect('connected')
        if o.say is not None:
            self.send('msg|%s|%s' % (o.say, o.to) if o.to else 'msg_all|' + o.say)
            if not o.to:
                self.expect('%s (to all): %s' % (o.name, o.say))
            elif o.to == o.name:
                self.expect('%s: %s' % (o.name, o.say))
        if o.download is not None:
            self.download(o.download)
        self.send('disconnect')
        self.expect('disconnected')
        if self.inbox.get() is not None:
            raise Wrong('a message came after: disconnected')


def out_of_time():
    print('the time limit is over', file=sys.stderr, flush=True)
    os._exit(1)  # the main thread may be blocked in a receive or a send


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--server', required=True, metavar='HOST')
    parser.add_argument('--port', required=True, type=int)
    parser.add_argument('--name', required=True)
    parser.add_argument('--line', action='store_true', help='messages end with LF')
    parser.add_argument('--ip-port', action='store_true', help='send IP|PORT, take ASCII numbers')
    parser.add_argument('--download', metavar='FILE')
    parser.add_argument('--out', metavar='PATH', help='where the download goes')
    parser.add_argument('--drop', type=float, default=0.0, metavar='P', help='share to lose, 0..1')
    parser.add_argument('--seed', type=int, default=1)
    parser.add_argument('--answer', default='proceed', help='the answer at 50 %%')
    parser.add_argument('--say', metavar='TEXT')
    parser.add_argument('--to', metavar='TARGET', help='who --say is for (default: everybody)')
    parser.add_argument('--limit', type=float, default=100.0, metavar='SECONDS')
    options = parser.parse_args()
    if options.download is not None and options.out is None:
        parser.error('--download needs --out')
    timer = threading.Timer(options.limit, out_of_time)
    timer.daemon = True
    timer.start()
    try:
        Client(options).run()
    except (Wrong, OSError, ValueError) as error:
        print('wrong: %s' % error, file=sys.stderr)
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
