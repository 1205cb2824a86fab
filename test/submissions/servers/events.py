"""Chat and file server in one thread, built on a selector. Run: python3 server.py

TCP messages are lines, ours end with CR LF. A part of a file is a datagram: its number as four
bytes, a colon, at most 2043 bytes of the file.
"""

import os
import selectors
import signal
import socket
import struct
import sys
import time

FIRST_PORT, LAST_PORT = 55000, 55015
MAX_PER_PORT = 15
FILES = 'files'
CHUNK = 2043
MAX_LINE = 65536
MAX_UNSENT = 1 << 20  # a client that leaves more than this unread is dropped
MAX_AGAIN = 100000
IDLE = 30

selector = selectors.DefaultSelector()
users = {}  # name -> Client
downloads = set()


def offered():
    try:
        names = os.listdir(FILES)
    except OSError:
        return []
    return sorted(n for n in names if n[0] != '.' and os.path.isfile(os.path.join(FILES, n)))


def tell_all(text):
    for user in list(users.values()):
        user.say(text)


class Port:
    """A listening socket and the clients that came through it."""

    def __init__(self, number):
        self.clients = set()
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.sock.bind(('', number))
        self.sock.listen(MAX_PER_PORT)
        self.sock.setblocking(False)
        selector.register(self.sock, selectors.EVENT_READ, self.accept)

    def accept(self, mask):
        try:
            sock, address = self.sock.accept()
        except OSError:
            return
        sock.setblocking(False)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if len(self.clients) < MAX_PER_PORT:
            self.clients.add(Client(self, sock, address[0]))
            return
        try:
            sock.send(b"can't connect. Port is full. Try another\r\n")
        except OSError:
            pass
        sock.close()


class Client:
    def __init__(self, port, sock, ip):
        self.port = port
        self.sock = sock
        self.ip = ip
        self.name = None
        self.download = None
        self.received = b''
        self.unsent = b''
        self.leaving = False  # close as soon as everything was sent
        self.closed = False
        selector.register(sock, selectors.EVENT_READ, self.ready)

    def ready(self, mask):
        if mask & selectors.EVENT_READ:
            self.read()
        if not self.closed and mask & selectors.EVENT_WRITE:
            self.flush()

    def read(self):
        try:
            data = self.sock.recv(65536)
        except BlockingIOError:
            return
        except OSError:
            data = b''
        if not data:
            self.close()
            return
        if self.leaving:
            return
        *lines, self.received = (self.received + data).split(b'\n')
        for line in lines:
            self.handle(line.rstrip(b'\r').decode('utf-8', 'replace'))
            if self.closed or self.leaving:
                return
        if len(self.received) > MAX_LINE:
            self.say('message too long')
            self.leave()

    def say(self, text):
        if not self.closed:
            self.unsent += text.encode('utf-8', 'replace') + b'\r\n'
            self.flush()

    def flush(self):
        try:
            sent = self.sock.send(self.unsent) if self.unsent else 0
            self.unsent = self.unsent[sent:]
        except BlockingIOError:
            pass
        except OSError:
            self.close()
            return
        if len(self.unsent) > MAX_UNSENT or (self.leaving and not self.unsent):
            self.close()
            return
        events = selectors.EVENT_READ | (selectors.EVENT_WRITE if self.unsent else 0)
        selector.modify(self.sock, events, self.ready)

    def leave(self):
        self.log_out()
        self.leaving = True
        self.flush()

    def close(self):
        if self.closed:
            return
        self.closed = True
        selector.unregister(self.sock)
        self.sock.close()
        self.port.clients.discard(self)
        if self.download:
            self.download.end()
        self.log_out()

    def log_out(self):
        name, self.name = self.name, None
        if name is not None:
            del users[name]
            tell_all(f'{name} is disconnected')

    def handle(self, line):
        command, _, rest = line.partition('|')
        if line == 'disconnect':
            self.say('disconnected')
            self.leave()
        elif line == 'get_users':
            self.say(f'users: [{", ".join(users)}]')
        elif line == 'get_list_file':
            self.say(f'files: [{", ".join(offered())}]')
        elif line.startswith('connect|'):
            self.log_in(rest)
        elif line.startswith('download|'):
            self.start_download(rest)
        elif self.download and command not in ('msg', 'msg_all'):
            self.download.control(line)
        elif self.name is None:
            self.say("Can't send message. Need to log in first")
        elif line.startswith('msg_all|'):
            tell_all(f'{self.name} (to all): {rest}')
        elif line.startswith('msg|'):
            data, _, target = rest.rpartition('|')
            if target in users:
                users[target].say(f'{self.name}: {data}')
            else:
                self.say(f"Can't send message. {target} is not online")
        else:
            self.say('Unknown command: ' + line[:40])

    def log_in(self, name):
        if self.name is not None:
            self.say("can't connect. Already connected")
        elif not 0 < len(name.encode()) <= 64 or '|' in name or not name.isprintable():
            self.say("can't connect. Name is illegal. Try another")
        elif name in users:
            self.say("can't connect. Name is taken. Try another")
        else:
            self.name = name
            users[name] = self
            tell_all(f'{name} is connected')
            self.say('connected')

    def start_download(self, name):
        if self.name is None:
            self.say("Can't download. Need to log in first")
        elif self.download:
            self.say("Can't download. Another download is running")
        elif name not in offered():
            self.say("Can't download. File not found")
        else:
            try:
                with open(os.path.join(FILES, name), 'rb') as file:
                    data = file.read()
            except OSError:
                self.say("Can't download. File not found")
                return
            self.download = Download(self, data)
            self.say(f'|{self.download.count}')


class Download:
    def __init__(self, client, data):
        self.client = client
        self.data = data
        self.count = (len(data) + CHUNK - 1) // CHUNK
        self.half = self.count // 2
        self.proceed = self.half == 0
        self.udp = None
        self.target = None
        self.next = 0
        self.again = []
        self.pause_until = 0.0  # a short rest between two bursts
        self.heard = time.monotonic()
        downloads.add(self)

    def limit(self):
        return self.count if self.proceed else self.half

    def control(self, line):
        """What the client says by TCP while the download runs."""
        self.heard = time.monotonic()
        words = line.split()
        if not line:
            return
        if line == 'proceed':
            self.proceed = True
        elif line == 'stop' and self.proceed and (self.udp or self.count == 0):
            last = self.data[-1] if self.data else 'none'
            self.end()
            name = self.client.name
            self.client.say(f'User {name} downloaded 100% out of file. Last byte is: {last}')
        elif self.udp is None and line != 'stop':
            self.open(line)
        elif words and words[0].lstrip('-').isdecimal():
            numbers = [int(word) for word in words if word.isdecimal() and len(word) < 10]
            if len(self.again) < MAX_AGAIN:
                self.again += [number for number in numbers if number < self.limit()]
        elif not self.proceed or line == 'stop':
            self.end()
            self.client.say('download stopped')

    def open(self, line):
        ip, _, port = line.rpartition('|')
        fits = ip in ('', self.client.ip) and port.isdecimal() and len(port) < 6
        if not fits or not 0 < int(port) < 65536:
            self.end()
            self.client.say("Can't download. Need your own address and a port from 1 to 65535")
            return
        self.target = (self.client.ip, int(port))
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        udp.setblocking(False)
        udp.bind((self.client.sock.getsockname()[0], 0))
        selector.register(udp, selectors.EVENT_READ, self.hear)
        self.udp = udp

    def hear(self, mask):
        """What the client says by UDP."""
        try:
            data, address = self.udp.recvfrom(2048)
        except OSError:
            return
        if address == self.target and data.strip() == b'proceed':
            self.heard = time.monotonic()
            self.proceed = True

    def wait(self, now):
        """Seconds until there is something to do here."""
        if self.udp and (self.again or self.next < self.limit()):
            return max(0, self.pause_until - now)
        return 1

    def work(self, now):
        if self.wait(now) > 0:
            waiting = self.udp is None or self.proceed  # no clock runs while the user thinks
            if waiting and now - self.heard > IDLE:
                self.end()
                self.client.say("Can't download. Nothing heard for 30 seconds")
            return
        self.pause_until = now + 0.001
        self.heard = now
        numbers, self.again = self.again[:16], self.again[16:]
        while len(numbers) < 16 and self.next < self.limit():
            numbers.append(self.next)
            self.next += 1
        for number in numbers:
            part = self.data[number * CHUNK : (number + 1) * CHUNK]
            try:
                self.udp.sendto(struct.pack('>I', number) + b':' + part, self.target)
            except OSError:
                pass  # lost; the client asks for it again

    def end(self):
        downloads.discard(self)
        self.client.download = None
        if self.udp:
            selector.unregister(self.udp)
            self.udp.close()
            self.udp = None


def stop_server(signum, frame):
    sys.exit(0)


def main():
    signal.signal(signal.SIGINT, stop_server)
    signal.signal(signal.SIGTERM, stop_server)
    ports = 0
    for number in range(FIRST_PORT, LAST_PORT + 1):
        try:
            Port(number)
            ports += 1
        except OSError as error:
            print(f'port {number}: {error}', file=sys.stderr)
    if ports == 0:
        sys.exit('no port is free')
    print(f'serving on {ports} ports', flush=True)
    while True:
        now = time.monotonic()
        wait = min((download.wait(now) for download in downloads), default=1)
        for key, mask in selector.select(wait):
            if key.fileobj.fileno() < 0:  # closed by what came before it
                continue
            try:
                key.data(mask)
            except OSError as error:
                print(error, file=sys.stderr)
        now = time.monotonic()
        for download in list(downloads):
            download.work(now)


if __name__ == '__main__':
    main()
