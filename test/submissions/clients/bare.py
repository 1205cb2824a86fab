"""Chat and file client. Run: python3 client.py

The messages have no terminator: one send() is one message. Three threads put what happens into one
queue (keyboard, TCP connection, download); the main thread takes it out and talks to the user.
"""

import codecs
import os
import queue
import re
import socket
import struct
import sys
import threading
import time
from collections import deque

DATA_SIZE = 2043
LARGEST_COUNT = 1000000
FIRST_WAIT = 0.1
GAP = 0.06  # between two messages, so that the server does not read them as one
TIMEOUT = 30

events = queue.Queue()  # (where it comes from, what it is, value)
keys = deque()  # lines that were typed and not used yet, None for the end
pending_question = False
current = None  # the Server whose events count


class Gone(Exception):
    """The server has closed the connection."""


def show(text, end='\n'):
    global pending_question
    try:
        print(('\n' if pending_question else '') + text, end=end, flush=True)
    except OSError:
        os._exit(1)
    pending_question = end == ''


def take(timeout=None):
    """Handles the next event and returns its kind and value; (None, None) after the timeout."""
    try:
        source, kind, value = events.get(timeout=timeout)
    except queue.Empty:
        return None, None
    if kind == 'key':
        keys.append(value)
    elif source is not current:
        return None, None  # left over from an earlier connection
    elif kind == 'text':
        show(value)
    return kind, value


def ask(question, server=None):
    """The next line of the user; raises Gone if the server goes away first."""
    while not events.empty():
        take()
    show(question, end='')
    while True:
        if server and not server.alive and events.empty():
            raise Gone
        if keys:
            break
        take()
    if keys[0] is None:
        raise EOFError
    return keys.popleft()


def wait_for(kinds, seconds, pattern=''):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        kind, value = take(max(0.01, end - time.monotonic()))
        if kind == 'gone' and kind not in kinds:
            raise Gone
        if kind in kinds and (kind != 'text' or re.search(pattern, value)):
            return kind, value
    return None, None


def keyboard():
    for line in sys.stdin:
        events.put((None, 'key', line.rstrip('\r\n')))
    events.put((None, 'key', None))


class Server:
    """The TCP connection."""

    def __init__(self, own_ip, ip, port):
        self.own_ip = own_ip
        self.sock = socket.create_connection((ip, port), timeout=10, source_address=(own_ip, 0))
        self.sock.settimeout(None)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.ip = self.sock.getpeername()[0]
        self.sending = threading.Lock()
        self.last_send = 0.0
        self.alive = True
        threading.Thread(target=self.receive, daemon=True).start()

    def send(self, text):
        with self.sending:
            time.sleep(max(0, self.last_send + GAP - time.monotonic()))
            try:
                self.sock.sendall(text.encode('utf-8', 'replace'))
            except OSError:
                pass  # the receiving thread finds out as well
            self.last_send = time.monotonic()

    def receive(self):
        decoder = codecs.getincrementaldecoder('utf-8')('replace')
        while True:
            try:
                data = self.sock.recv(4096)
                if not data:
                    break
                if len(data) >= 512 or data.startswith(b'|'):
                    data += self.rest()
            except OSError:
                break
            for line in decoder.decode(data).splitlines():
                self.sort(line)
        self.alive = False
        events.put((self, 'gone', None))

    def rest(self):
        """What follows without a pause: long messages come in pieces."""
        data = b''
        self.sock.settimeout(0.05)
        try:
            while len(data) < 1 << 20:
                piece = self.sock.recv(65536)
                if not piece:
                    break
                data += piece
        except TimeoutError:
            pass
        self.sock.settimeout(None)
        return data

    def sort(self, line):
        # the number of parts, perhaps with another message glued to it
        count = re.match(r'\|([0-9]+)', line)
        if count:
            events.put((self, 'count', count[1]))
            line = line[count.end() :]
        if line:
            events.put((self, 'text', line))

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Download(threading.Thread):
    def __init__(self, server, count):
        super().__init__(daemon=True)
        self.server = server
        self.count = count
        self.parts = {}
        self.half = count // 2
        self.until = self.half or count  # the parts below it should come now
        self.answer = queue.Queue(1)

    def run(self):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4194304)
                udp.bind((self.server.own_ip, 0))
                self.server.send(str(udp.getsockname()[1]))
                result = self.receive(udp)
        except OSError as error:
            result = str(error)
        if result is None:
            self.server.send('stop')
            self.tell('done')
        else:
            self.tell('failed', result)

    def tell(self, kind, value=None):
        events.put((self.server, kind, value))

    def receive(self, udp):
        """Returns None when all is there, otherwise why not."""
        self.receive_until(udp, self.until)
        if len(self.parts) < self.until:
            return self.give_up()
        if self.until < self.count:
            self.tell('half')
            answer = self.wait_for_answer()
            self.server.send(answer)
            if answer != 'proceed':
                return 'stopped'
            self.until = self.count
            self.receive_until(udp, self.until)
            if len(self.parts) < self.count:
                return self.give_up()
        return None

    def wait_for_answer(self):
        while self.server.alive:
            try:
                return self.answer.get(timeout=0.2)
            except queue.Empty:
                pass
        return 'stop'

    def give_up(self):
        if self.server.alive:
            self.server.send('stop')
        return 'nothing came from the server for too long'

    def missing(self):
        return [number for number in range(self.until) if number not in self.parts]

    def receive_until(self, udp, end):
        wait = FIRST_WAIT
        new = heard = time.monotonic()
        left = len(self.missing())
        while left and self.server.alive:
            try:
                udp.settimeout(max(0, heard + wait - time.monotonic()))
                packet, address = udp.recvfrom(65535)
            except (TimeoutError, BlockingIOError):
                if time.monotonic() - new > TIMEOUT:
                    return
                self.request(self.missing())
                wait += FIRST_WAIT
                heard = time.monotonic()
                continue
            number, data = self.unpack(packet, address)
            if number is None:
                continue
            heard = time.monotonic()
            if number not in self.parts:
                self.parts[number] = data
                left -= number < end
                new = heard
                wait = FIRST_WAIT

    def unpack(self, packet, address):
        if address[0] != self.server.ip or len(packet) < 6 or packet[4:5] != b':':
            return None, None
        (number,) = struct.unpack('>I', packet[:4])
        data = packet[5:]
        last = self.count - 1
        if number > last or len(data) > DATA_SIZE or (number < last and len(data) < DATA_SIZE):
            return None, None
        return number, data

    def request(self, numbers):
        for start in range(0, len(numbers), 1000):
            self.server.send(' '.join(map(str, numbers[start : start + 1000])))

    def data(self):
        return b''.join(self.parts[number] for number in range(self.count))


def download(server):
    name = ask('File name: ', server)
    server.send('download|' + name)
    kind, value = wait_for(('count', 'text'), TIMEOUT, "(?i)^can't|not found")
    if kind != 'count':
        if kind is None:
            show('The server does not answer.')
        return
    if len(value) > 7 or int(value) > LARGEST_COUNT:
        show('That file is too large.')
        server.send('stop')
        return
    job = Download(server, int(value))
    job.start()
    kind, value = wait_for(('half', 'done', 'failed'), 1e6)
    if kind == 'half':
        answer = ask("50% is here. Type 'proceed' to get the rest (or no to stop): ", server)
        if not re.search('[^0-9 ]', answer):
            answer = 'no'
        job.answer.put(answer)
        kind, value = wait_for(('done', 'failed'), 1e6)
    if kind == 'failed':
        wait_for(('text',), 2, 'download stopped')
        show('No download: ' + value)
        return
    try:
        wait_for(('text',), 5, 'Last byte is')
    except Gone:
        pass  # what came is worth saving all the same
    save(name, job.data())


def save(name, data):
    while True:
        new_name = os.path.basename(ask('Save as: ')) or os.path.basename(name)
        try:
            with open(new_name, 'wb') as file:
                file.write(data)
            break
        except (OSError, ValueError) as error:
            show(f'That does not work: {error}')
    show(f'{len(data)} bytes are in {new_name}.')


def talk(server):
    while True:
        line = ask('> ', server)
        if line == 'connect':
            name = ask('Name: ', server)
            if name and '|' not in name:
                server.send('connect|' + name)
            else:
                show("A name has no '|' and is not empty.")
        elif line == 'disconnect':
            server.send('disconnect')
            wait_for(('gone',), 2)
            return
        elif line == 'download':
            download(server)
        elif line in ('get_users', 'get_list_file'):
            server.send(line)
        elif line:
            target = ask('To (nothing means all): ', server)
            server.send(f'msg|{line}|{target}' if target else f'msg_all|{line}')


def ask_ip(question):
    while True:
        text = ask(question).strip()
        try:
            socket.inet_aton(text)
            return text
        except OSError:
            show('An IP address, please, such as 127.0.0.1')


def session():
    global current
    own_ip = ask_ip('Your IP: ')
    server_ip = ask_ip('Server IP: ')
    port = ask('Port: ').strip()
    while not re.fullmatch('[0-9]{1,5}', port) or not 0 < int(port) < 65536:
        port = ask('A number from 55000 to 55015. Port: ').strip()
    try:
        server = current = Server(own_ip, server_ip, int(port))
    except OSError as error:
        show(f'No connection: {error}')
        return
    try:
        talk(server)
    except Gone:
        show('The server has closed the connection.')
    except EOFError:
        server.send('disconnect')
        try:
            wait_for((), 1)  # show what the server still says
        except Gone:
            pass
        raise
    finally:
        current = None
        server.close()


def main():
    sys.stdin.reconfigure(encoding='utf-8', errors='replace')
    sys.stdout.reconfigure(errors='replace')
    threading.Thread(target=keyboard, daemon=True).start()
    try:
        while True:
            session()
    except (EOFError, KeyboardInterrupt):
        show('')
    os._exit(0)


if __name__ == '__main__':
    main()
