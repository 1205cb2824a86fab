"""Server of the assignment: chat over TCP, files in numbered parts over UDP.

Every TCP message is one line. Start it with: python3 server.py
"""

import os
import queue
import signal
import socket
import struct
import sys
import threading
import time
from collections import deque

FIRST_PORT = 55000
LAST_PORT = 55015
MAX_CLIENTS = 15  # at the same time, on each port
FOLDER = 'files'
PART_SIZE = 2043
MAX_MESSAGE = 65536
BURST = 16  # datagrams between two short rests
IDLE = 30  # seconds
MAX_WAITING = 100000  # parts that may wait to be sent again

online = {}  # name -> Client, in order of connection
online_lock = threading.Lock()


def log(*words):
    try:
        sys.stdout.write(' '.join([time.strftime('%H:%M:%S'), *map(str, words)]) + '\n')
        sys.stdout.flush()
    except (OSError, ValueError):
        pass


def list_files():
    try:
        with os.scandir(FOLDER) as entries:
            return sorted(
                e.name for e in entries if e.is_file(follow_symlinks=False) and e.name[0] != '.'
            )
    except OSError:
        return []


def legal_name(name):
    size = len(name.encode('utf-8', 'replace'))
    return 1 <= size <= 64 and '|' not in name and name.isprintable() and name == name.strip()


def numbers_in(message):
    """The numbers of a re-request, or None if the message is something else."""
    words = message.split()
    if not words or not words[0].lstrip('-').isdecimal():
        return None
    return [int(word) for word in words if word.isdecimal() and len(word) < 10]


class Download(threading.Thread):
    """One download of one client; what the client says about it comes through the inbox."""

    def __init__(self, client, parts):
        super().__init__(daemon=True)
        self.client = client
        self.parts = parts
        self.inbox = queue.Queue()
        self.half = len(parts) // 2
        self.proceed = len(parts) < 2  # too short for a pause

    def run(self):
        try:
            port = self.wait_for_port()
            if port is not None:
                self.transfer((self.client.ip, port))
        except OSError as error:
            log(self.client.name, 'download failed:', error)
        finally:
            self.end(None)

    def end(self, text):
        """Makes room for the next download, then says the last word of this one."""
        if self.client.download is self:
            self.client.download = None
        if text is not None:
            self.client.send(text)

    def report(self):
        last = self.parts[-1][-1] if self.parts else 'none'
        self.end(f'User {self.client.name} downloaded 100% out of file. Last byte is: {last}')

    def wait_for_port(self):
        while True:
            try:
                message = self.inbox.get(timeout=IDLE)
            except queue.Empty:
                self.end("Can't download. Nothing heard for 30 seconds")
                return None
            if message is None:
                return None
            if not message:
                continue
            if message == 'proceed':
                self.proceed = True
            elif message == 'stop' and not self.parts:
                return self.report()
            elif message == 'stop':
                return self.end('download stopped')
            else:
                break
        host, _, port = message.rpartition('|')
        if host in ('', self.client.ip) and port.isdecimal() and len(port) <= 5:
            if 1 <= int(port) <= 65535:
                return int(port)
        return self.end("Can't download. Need your own address and a port from 1 to 65535")

    def messages(self, udp, target, wait):
        """What the client has said by now, by TCP or (only 'proceed') by UDP."""
        try:
            yield self.inbox.get(timeout=wait)
            while True:
                yield self.inbox.get_nowait()
        except queue.Empty:
            pass
        try:
            while True:
                data, address = udp.recvfrom(2048)
                if address == target and data.strip() == b'proceed':
                    yield 'proceed'
        except BlockingIOError:
            pass

    def transfer(self, target):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.bind((self.client.sock.getsockname()[0], 0))
            udp.setblocking(False)
            again = deque()  # parts that were asked for again
            following = 0  # the next one that was not sent yet
            heard = time.monotonic()
            while True:
                busy = again or following < self.limit()
                for message in self.messages(udp, target, 0 if busy else 0.02):
                    heard = time.monotonic()
                    if message is None:  # the client is gone
                        return
                    numbers = numbers_in(message)
                    if message == 'proceed':
                        self.proceed = True
                    elif numbers is not None:
                        if len(again) < MAX_WAITING:
                            again.extend(n for n in numbers if n < self.limit())
                    elif message == 'stop' and self.proceed:
                        self.report()
                        return
                    elif message and not self.proceed:
                        self.end('download stopped')
                        return
                for _ in range(BURST):
                    if again:
                        self.send_part(udp, target, again.popleft())
                    elif following < self.limit():
                        self.send_part(udp, target, following)
                        following += 1
                if busy:
                    time.sleep(0.001)
                    heard = time.monotonic()
                elif self.proceed and time.monotonic() - heard > IDLE:
                    self.end("Can't download. Nothing heard for 30 seconds")
                    return

    def limit(self):
        """Parts below this number may be sent now."""
        return len(self.parts) if self.proceed else self.half

    def send_part(self, udp, target, number):
        datagram = struct.pack('>I', number) + b':' + self.parts[number]
        try:
            udp.sendto(datagram, target)
        except OSError:
            pass  # as good as lost: the client will ask for it


class Client:
    def __init__(self, sock, address):
        self.sock = sock
        self.ip = address[0]
        self.name = None
        self.download = None
        self.send_lock = threading.Lock()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # a client that does not read must not hold up the others
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 1, 0))

    def send(self, text):
        try:
            with self.send_lock:
                self.sock.sendall(text.encode('utf-8', 'replace') + b'\n')
        except OSError:
            self.hang_up()

    def hang_up(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def lines(self):
        buffer = b''
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                return
            if not data:
                return
            *lines, buffer = (buffer + data).split(b'\n')
            for line in lines:
                yield line.rstrip(b'\r').decode('utf-8', 'replace')
            if len(buffer) > MAX_MESSAGE:
                self.send('message too long')
                return

    def serve(self, slots):
        try:
            for line in self.lines():
                if line == 'disconnect':
                    self.leave()
                    self.send('disconnected')
                    break
                self.handle(line)
        finally:
            if self.download:
                self.download.inbox.put(None)
            self.leave()
            self.hang_up()
            self.sock.close()
            slots.release()

    def leave(self):
        with online_lock:
            if self.name is None:
                return
            name, self.name = self.name, None
            del online[name]
        log(name, 'left')
        to_all(f'{name} is disconnected')

    def handle(self, line):
        command, bar, rest = line.partition('|')
        if line == 'get_users':
            with online_lock:
                names = ', '.join(online)
            self.send(f'users: [{names}]')
        elif line == 'get_list_file':
            self.send('files: [' + ', '.join(list_files()) + ']')
        elif command == 'connect' and bar:
            self.connect(rest)
        elif command in ('msg', 'msg_all') and bar:
            self.message(command, rest)
        elif command == 'download' and bar:
            self.start_download(rest)
        elif self.download:
            self.download.inbox.put(line)
        elif self.name is None:
            self.send("Can't send message. Need to log in first")
        else:
            self.send('Unknown command: ' + line[:40])

    def connect(self, name):
        with online_lock:
            if self.name is not None:
                refusal = 'Already connected'
            elif not legal_name(name):
                refusal = 'Name is illegal. Try another'
            elif name in online:
                refusal = 'Name is taken. Try another'
            else:
                refusal = None
                self.name = name
                online[name] = self
        if refusal:
            self.send("can't connect. " + refusal)
            return
        log(name, 'connected from', self.ip)
        to_all(f'{name} is connected')
        self.send('connected')

    def message(self, command, rest):
        if self.name is None:
            self.send("Can't send message. Need to log in first")
        elif command == 'msg_all':
            to_all(f'{self.name} (to all): {rest}')
        else:
            data, _, target = rest.rpartition('|')
            with online_lock:
                receiver = online.get(target)
            if receiver:
                receiver.send(f'{self.name}: {data}')
            else:
                self.send(f"Can't send message. {target} is not online")

    def start_download(self, name):
        if self.name is None:
            self.send("Can't download. Need to log in first")
            return
        if self.download:
            self.send("Can't download. Another download is running")
            return
        try:
            if name not in list_files():
                raise FileNotFoundError(name)
            with open(os.path.join(FOLDER, name), 'rb') as file:
                data = file.read()
        except OSError:
            self.send("Can't download. File not found")
            return
        parts = [data[i : i + PART_SIZE] for i in range(0, len(data), PART_SIZE)]
        log(self.name, 'downloads', name, 'in', len(parts), 'parts')
        self.download = Download(self, parts)
        self.download.start()
        self.send(f'|{len(parts)}')


def to_all(text):
    with online_lock:
        clients = list(online.values())
    for client in clients:
        client.send(text)


def listen(server):
    slots = threading.Semaphore(MAX_CLIENTS)
    while True:
        try:
            sock, address = server.accept()
        except OSError:
            time.sleep(0.1)
            continue
        if slots.acquire(blocking=False):
            client = Client(sock, address)
            threading.Thread(target=client.serve, args=(slots,), daemon=True).start()
        else:
            try:
                sock.sendall(b"can't connect. Port is full. Try another\n")
            except OSError:
                pass
            sock.close()


def main():
    signals = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    ports = []
    for port in range(FIRST_PORT, LAST_PORT + 1):
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(('', port))
            server.listen(MAX_CLIENTS)
        except OSError as error:
            log('port', port, 'is not available:', error)
            continue
        threading.Thread(target=listen, args=(server,), daemon=True).start()
        ports.append(port)
    if not ports:
        raise SystemExit('no port is available')
    log('listening on ports', ports[0], 'to', ports[-1])
    signal.sigwait(signals)
    log('bye')
    os._exit(0)


if __name__ == '__main__':
    main()
