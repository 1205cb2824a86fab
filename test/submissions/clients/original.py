"""Client of the chat. One thread: select() over the keyboard, the TCP connection and, during a
download, the UDP socket. Lines over TCP; "NUMBER:DATA" over UDP. Run: python3 client.py
"""

import os
import select
import signal
import socket
import sys
import time

SIZE = 2043
MOST_PARTS = 1000000
PAUSE_AT = 20  # percent
PATIENCE = 30  # seconds

ORDERS = ('connect', 'disconnect', 'get_users', 'get_list_file', 'download')


class Lost(Exception):
    """The server is not there any more."""


class Leave(Exception):
    """The user has ended the input."""


class Download:
    """The receiving side of one file."""

    def __init__(self, client, count):
        self.client = client
        self.count = count
        self.parts = [None] * count
        self.pause = max(1, count * PAUSE_AT // 100) if count > 1 else 0
        self.expected = self.pause or count  # parts below it should have come by now
        self.missing = set(range(self.expected))
        self.asking = False
        self.wait = 0.1
        self.heard = self.news = time.monotonic()
        self.udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self.udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 * 1024 * 1024)
            self.udp.bind((client.my_ip, 0))
        except OSError:
            self.udp.close()
            raise
        client.send(f'{client.my_ip}|{self.udp.getsockname()[1]}')

    def proceed(self):
        self.asking = False
        self.expected = self.count
        self.missing = {n for n in range(self.count) if self.parts[n] is None}
        self.wait = 0.1
        self.heard = self.news = time.monotonic()

    def read(self):
        data, address = self.udp.recvfrom(65535)
        head, colon, body = data[:10].partition(b':')
        if address[0] != self.client.server_ip or not colon or not head.isdigit():
            return
        number = int(head)
        body = data[len(head) + 1 :]
        if number >= self.count or not 0 < len(body) <= SIZE:
            return
        if len(body) < SIZE and number < self.count - 1:
            return
        self.heard = time.monotonic()
        if self.parts[number] is None:
            self.parts[number] = body
            self.missing.discard(number)
            self.wait = 0.1
            self.news = self.heard

    def time_left(self):
        return self.heard + self.wait - time.monotonic()

    def timeout(self):
        """Asks for what should be there and is not."""
        if time.monotonic() - self.news > PATIENCE:
            return False
        numbers = sorted(self.missing)
        while numbers:
            self.client.send(' '.join(str(number) for number in numbers[:1000]))
            del numbers[:1000]
        self.wait += 0.1
        self.heard = time.monotonic()
        return True


class Client:
    def __init__(self):
        self.tcp = None
        self.udp_user = None  # the download that runs
        self.typed = b''
        self.eof = False
        self.received = b''
        self.messages = []  # what the server said since the list was emptied
        self.after_question = False
        self.my_ip = self.server_ip = ''

    # ---- screen and keyboard

    def show(self, text, question=False):
        text = ('\n' if self.after_question else '') + text + ('' if question else '\n')
        self.after_question = question
        data = text.encode('utf-8', 'replace')
        while data:
            data = data[os.write(1, data) :]

    def next_line(self):
        line, newline, rest = self.typed.partition(b'\n')
        if not newline and not self.eof:
            return None
        if not line and not newline:
            raise Leave
        self.typed = rest
        return line.rstrip(b'\r').decode('utf-8', 'replace')

    def ask(self, question):
        self.show(question + ': ', question=True)
        while True:
            line = self.next_line()
            if line is not None:
                return line
            self.step(5)

    # ---- what happens meanwhile

    def step(self, seconds):
        """Waits for something to happen, and handles it."""
        download = self.udp_user
        sources = [] if self.eof else [0]
        if self.tcp:
            sources.append(self.tcp)
        if download:
            sources.append(download.udp)
            if not download.asking:
                seconds = min(seconds, max(0, download.time_left()))
        readable = select.select(sources, [], [], max(0, seconds))[0]
        if 0 in readable:
            data = os.read(0, 65536)
            self.typed += data
            self.eof = not data
        if download and download.udp in readable:
            download.read()
        if self.tcp in readable:
            self.read_tcp()

    def read_tcp(self):
        try:
            data = self.tcp.recv(65536)
        except OSError:
            data = b''
        if not data or len(self.received) > 1000000:
            raise Lost
        *lines, self.received = (self.received + data).split(b'\n')
        for line in lines:
            text = line.rstrip(b'\r').decode('utf-8', 'replace')
            self.messages.append(text)
            if not (text.startswith('|') and text[1:].isdecimal()):
                self.show(text)

    def wait_for(self, fits, seconds):
        """Waits for a message of the server that fits."""
        end = time.monotonic() + seconds
        while True:
            for text in self.messages:
                if fits(text):
                    return text
            if time.monotonic() > end:
                return None
            self.step(end - time.monotonic())

    def send(self, text):
        try:
            self.tcp.sendall(text.encode('utf-8', 'replace') + b'\n')
        except OSError:
            raise Lost from None

    # ---- commands

    def download(self):
        name = self.ask('Which file')
        self.messages.clear()
        self.send('download|' + name)
        answer = self.wait_for(lambda text: text[:1] == '|' or text[:3].lower() == 'can', PATIENCE)
        if not answer or answer[0] != '|':
            if not answer:
                self.show('The server has not answered')
            return
        if len(answer) > 8 or not answer[1:].isdecimal() or int(answer[1:]) > MOST_PARTS:
            self.show('This file cannot be downloaded')
            self.send('stop')
            return
        self.messages.clear()
        download = Download(self, int(answer[1:]))
        self.udp_user = download
        try:
            complete = self.receive(download)
        finally:
            self.udp_user = None
            download.udp.close()
        if complete:
            try:
                self.send('stop')
                self.wait_for(lambda text: 'Last byte is' in text, 5)
            except Lost:
                self.tcp = None
            self.save(name, b''.join(download.parts))
            if not self.tcp:
                raise Lost

    def receive(self, download):
        while True:
            if not download.missing:
                if download.expected == download.count:
                    return True
                download.asking = True
                answer = self.ask(f"{PAUSE_AT}% of the file is here, 'proceed' or stop")
                if not answer.strip(' 0123456789') or answer in ORDERS:
                    answer = 'stop'
                self.send(answer)
                if answer != 'proceed':
                    self.wait_for(lambda text: text == 'download stopped', 2)
                    return False
                download.proceed()
            elif download.time_left() > 0:
                self.step(1)
            else:
                self.step(0)  # perhaps it is there already
                if download.missing and download.time_left() <= 0 and not download.timeout():
                    self.show('Nothing has come for too long')
                    self.send('stop')
                    return False

    def save(self, name, data):
        while True:
            try:
                new_name = os.path.basename(self.ask('New name of the file') or name)
                with open(new_name, 'wb') as file:
                    file.write(data)
                self.show('Saved')
                return
            except (OSError, ValueError) as error:
                self.show(f'Not saved: {error}')
            except Lost:
                self.tcp = None  # the file is saved all the same

    def commands(self):
        while True:
            line = self.ask('Command or message')
            if line == 'connect':
                name = self.ask('Your name')
                if not name or '|' in name:
                    self.show('Such a name is not legal')
                else:
                    self.send('connect|' + name)
            elif line == 'disconnect':
                self.send('disconnect')
                try:
                    self.wait_for(lambda text: False, 2)
                except Lost:
                    pass
                return
            elif line in ('get_users', 'get_list_file'):
                self.send(line)
            elif line == 'download':
                self.download()
            elif line:
                target = self.ask('Target (nothing for everybody)')
                self.send(f'msg|{target}|{line}' if target else 'msg_all|' + line)

    def connect(self):
        """The three questions, until there is a connection."""
        while True:
            self.my_ip = self.ask('IP address of this computer').strip()
            server = self.ask('IP address of the server').strip()
            port = self.ask('Port (55000 to 55015)').strip()
            self.received = b''
            try:
                if not port.isdecimal() or len(port) > 5 or not self.my_ip or not server:
                    raise ValueError('two addresses and a number, please')
                tcp = socket.create_connection((server, int(port)), 10, (self.my_ip, 0))
                tcp.settimeout(None)
                self.server_ip = tcp.getpeername()[0]
                return tcp
            except (OSError, ValueError, OverflowError) as error:
                self.show(f'No connection: {error}')

    def run(self):
        while True:
            tcp = self.connect()
            with tcp:
                self.tcp = tcp
                try:
                    self.commands()
                except Lost:
                    self.show('The server is gone')
                except Leave:
                    self.send('disconnect')
                    self.wait_for(lambda text: False, 1)
                    raise
                finally:
                    self.tcp = None


def main():
    signal.signal(signal.SIGINT, signal.default_int_handler)
    client = Client()
    try:
        client.run()
    except (Leave, Lost, KeyboardInterrupt, BrokenPipeError):
        pass
    sys.exit(0)


if __name__ == '__main__':
    main()
