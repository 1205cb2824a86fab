"""Chat and file server. Run: python3 server.py

The messages have no terminator: what one recv() brings is one message, and every answer is one
send(). The UDP socket of a download waits for the client's 'proceed' after half of the file.
"""

import os
import re
import signal
import socket
import struct
import threading
import time

PORTS = range(55000, 55016)
CLIENTS_PER_PORT = 15
DIRECTORY = 'files'
DATA_SIZE = 2043
MAX_TEXT = 65536
GAP = 0.06  # seconds between two messages to the same client, so that they stay two
TIMEOUT = 30
# numbers to send again, maybe with a word glued to them
CONTROL = re.compile(rb'(\s*-?\d.*?)?(stop|proceed)?', re.DOTALL)

clients = {}  # the online clients: name -> connection
clients_lock = threading.Lock()


class Download:
    """A file on its way to one client."""

    def __init__(self, owner, data):
        self.owner = owner
        self.parts = [data[i : i + DATA_SIZE] for i in range(0, len(data), DATA_SIZE)]
        self.half = len(self.parts) // 2
        self.proceeded = self.half == 0
        self.last_byte = data[-1] if data else 'none'
        self.udp = None
        self.address = None
        self.over = threading.Event()
        self.active = time.monotonic()

    def start(self, port):
        self.address = (self.owner.ip, port)
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.udp.bind((self.owner.sock.getsockname()[0], 0))
            threading.Thread(target=self.run, daemon=True).start()
        except (OSError, RuntimeError):
            self.udp.close()
            self.owner.finish_download(self)

    def run(self):
        try:
            self.send_parts(range(self.half))
            if not self.proceeded:
                self.wait_for_proceed()
            self.send_parts(range(self.half, len(self.parts)))
            # the client's thread answers what is asked for again
            while not self.over.wait(0.5):
                if time.monotonic() - self.active > TIMEOUT:
                    self.owner.finish_download(self)
                    self.owner.send("Can't download. Client does not answer")
        finally:
            self.udp.close()

    def wait_for_proceed(self):
        self.udp.settimeout(0.2)
        while not self.over.is_set():
            try:
                data, address = self.udp.recvfrom(2048)
            except OSError:
                continue
            answer = data.strip()
            if address != self.address or not answer:
                continue
            if answer == b'proceed':
                self.proceeded = True
                self.active = time.monotonic()
                break
            if not answer.replace(b' ', b'').isdigit():
                self.owner.finish_download(self)
                self.owner.send('download stopped')

    def send_parts(self, numbers):
        for count, number in enumerate(numbers, 1):
            if self.over.is_set():
                return
            packet = struct.pack('<I', number) + b':' + self.parts[number]
            try:
                self.udp.sendto(packet, self.address)
            except OSError:
                pass
            if count % 16 == 0:
                self.active = time.monotonic()
                time.sleep(0.001)

    def send_again(self, words):
        end = len(self.parts) if self.proceeded else self.half
        numbers = [int(word) for word in words if word.isdigit() and len(word) < 10]
        self.active = time.monotonic()
        self.send_parts([number for number in numbers if number < end])


class Connection:
    def __init__(self, sock, ip):
        self.sock = sock
        self.ip = ip
        self.name = None
        self.download = None
        self.sending = threading.Lock()
        self.last_send = 0.0
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        # nobody waits longer than this for a client that does not read
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, struct.pack('ll', 1, 0))

    def send(self, text):
        with self.sending:
            time.sleep(max(0, self.last_send + GAP - time.monotonic()))
            try:
                self.sock.sendall(text.encode('utf-8', 'replace'))
            except OSError:
                self.hang_up()
            self.last_send = time.monotonic()

    def hang_up(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def loop(self, places):
        try:
            while True:
                data = self.sock.recv(MAX_TEXT)
                if not data:
                    break
                message = data.strip(b'\r\n')
                if message == b'disconnect':
                    self.log_out()
                    self.send('disconnected')
                    break
                if message:
                    self.handle(message)
        except OSError:
            pass
        finally:
            download = self.download
            if download:
                self.finish_download(download)
            self.log_out()
            self.hang_up()
            self.sock.close()
            places.release()

    def handle(self, message):
        download = self.download
        control = CONTROL.fullmatch(message)
        if download and download.address and control:
            if control[1]:
                download.send_again(control[1].split())
            if control[2] == b'stop':
                self.stop(download)
            return  # 'proceed' counts only when it comes by UDP
        text = message.decode('utf-8', 'replace')
        command, _, argument = text.partition('|')
        if text == 'get_users':
            with clients_lock:
                names = list(clients)
            self.send(str(names))
        elif text == 'get_list_file':
            self.send(str(offered_files()))
        elif text.startswith('connect|'):
            self.log_in(argument)
        elif text.startswith('msg_all|') or text.startswith('msg|'):
            self.pass_on(command, argument)
        elif text.startswith('download|'):
            self.begin_download(argument)
        elif download and not download.address:
            self.take_port(download, text)
        elif download and not download.proceeded:
            self.finish_download(download)
            self.send('download stopped')
        elif self.name is None:
            self.send("Can't send message. Need to log in first")
        else:
            self.send('Unknown command: ' + text[:40])

    def log_in(self, name):
        with clients_lock:
            if self.name is not None:
                problem = 'Already connected'
            elif not name.strip() or '|' in name or not name.isprintable() or len(name) > 64:
                problem = 'Name is illegal. Try another'
            elif name in clients:
                problem = 'Name is taken. Try another'
            else:
                problem = None
                clients[name] = self
                self.name = name
        if problem:
            self.send("can't connect. " + problem)
        else:
            broadcast(name + ' is connected')
            self.send('connected')

    def log_out(self):
        with clients_lock:
            name, self.name = self.name, None
            if name is None:
                return
            del clients[name]
        broadcast(name + ' is disconnected')

    def pass_on(self, command, argument):
        if self.name is None:
            self.send("Can't send message. Need to log in first")
        elif command == 'msg_all':
            broadcast(f'{self.name} to all: {argument}')
        else:
            data, _, target = argument.rpartition('|')
            with clients_lock:
                receiver = clients.get(target)
            if receiver is None:
                self.send(f"Can't send message. {target} is not online")
            else:
                receiver.send(f'{self.name}: {data}')

    def begin_download(self, name):
        running = self.download
        if self.name is None:
            self.send("Can't download. Need to log in first")
        elif running and (running.address or time.monotonic() - running.active < TIMEOUT):
            self.send("Can't download. Another download is running")
        elif name not in offered_files():
            self.send("Can't download. File not found")
        else:
            try:
                with open(os.path.join(DIRECTORY, name), 'rb') as file:
                    self.download = Download(self, file.read())
            except OSError:
                self.send("Can't download. File not found")
                return
            self.send('|' + str(len(self.download.parts)))

    def take_port(self, download, text):
        ip, _, port = text.rpartition('|')
        if text == 'stop':
            self.stop(download)
        elif ip in ('', self.ip) and re.fullmatch('[0-9]{1,5}', port) and 0 < int(port) < 65536:
            download.start(int(port))
        else:
            self.finish_download(download)
            self.send("Can't download. This is no port")

    def stop(self, download):
        self.finish_download(download)
        if download.proceeded:
            self.send(
                f'User {self.name} downloaded 100% out of file. Last byte is: {download.last_byte}'
            )
        else:
            self.send('download stopped')

    def finish_download(self, download):
        download.over.set()
        if self.download is download:
            self.download = None


def offered_files():
    try:
        names = os.listdir(DIRECTORY)
    except OSError:
        return []
    return sorted(
        name
        for name in names
        if not name.startswith('.') and os.path.isfile(os.path.join(DIRECTORY, name))
    )


def broadcast(text):
    with clients_lock:
        receivers = list(clients.values())
    for receiver in receivers:
        receiver.send(text)


def accept_clients(server):
    places = threading.Semaphore(CLIENTS_PER_PORT)
    while True:
        places.acquire()  # the next client waits in the backlog until one has left
        try:
            sock, address = server.accept()
            connection = Connection(sock, address[0])
            threading.Thread(target=connection.loop, args=(places,), daemon=True).start()
        except (OSError, RuntimeError):
            places.release()
            time.sleep(0.1)


def leave(signum, frame):
    os._exit(0)


def main():
    signal.signal(signal.SIGINT, leave)
    signal.signal(signal.SIGTERM, leave)
    servers = []
    for port in PORTS:
        server = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(('', port))
        except OSError as error:
            print(f'port {port}: {error}', flush=True)
            continue
        server.listen(CLIENTS_PER_PORT)
        servers.append(server)
    if not servers:
        raise SystemExit(1)
    for server in servers:
        threading.Thread(target=accept_clients, args=(server,), daemon=True).start()
    print('The server is running', flush=True)
    while True:
        signal.pause()


if __name__ == '__main__':
    main()
