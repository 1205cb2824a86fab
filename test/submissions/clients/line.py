"""Client of the assignment: chat over TCP, files in numbered parts over UDP.

Every TCP message is one line. Start it with: python3 client.py
"""

import os
import queue
import socket
import struct
import sys
import threading
import time

PART_SIZE = 2043
MAX_PARTS = 1000000
MAX_MESSAGE = 1 << 20
STEP = 0.1  # the timer starts with this, and grows by it
NUMBERS_PER_MESSAGE = 1000
GIVE_UP = 30  # seconds without anything
COMMANDS = ('connect', 'disconnect', 'get_users', 'get_list_file', 'download')

typed = queue.Queue()  # lines from the keyboard, None at the end


class ServerGone(Exception):
    """The TCP connection ended."""


class Screen:
    """What is printed; a message does not end up behind a question."""

    def __init__(self):
        self.lock = threading.Lock()
        self.behind_question = False

    def ask(self, question):
        self.write(question, True)

    def say(self, text):
        self.write(text + '\n', False)

    def write(self, text, is_question):
        with self.lock:
            try:
                sys.stdout.write('\n' + text if self.behind_question else text)
                sys.stdout.flush()
            except OSError:
                os._exit(1)
            self.behind_question = is_question


screen = Screen()


def read_keyboard():
    for line in sys.stdin:
        typed.put(line.rstrip('\r\n'))
    typed.put(None)


def ask(prompt, connection=None):
    """Asks the user; raises ServerGone if the connection ends meanwhile."""
    screen.ask(prompt)
    while True:
        if connection and connection.gone.is_set():
            raise ServerGone
        try:
            line = typed.get(timeout=0.1)
        except queue.Empty:
            continue
        if line is None:
            raise EOFError
        return line


class Connection:
    def __init__(self, local_ip, server_ip, port):
        self.local_ip = local_ip
        self.sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        try:
            self.sock.bind((local_ip, 0))
            self.sock.settimeout(10)
            self.sock.connect((server_ip, port))
            self.sock.settimeout(None)
        except OSError:
            self.sock.close()
            raise
        self.server_ip = self.sock.getpeername()[0]
        self.gone = threading.Event()
        self.lock = threading.Lock()
        self.answers = None  # during a download: what the server says goes here, too
        self.receiver = threading.Thread(target=self.receive, daemon=True)
        self.receiver.start()

    def send(self, text):
        try:
            with self.lock:
                self.sock.sendall(text.encode('utf-8', 'replace') + b'\n')
        except OSError:
            self.gone.set()

    def receive(self):
        buffer = b''
        while True:
            try:
                data = self.sock.recv(65536)
            except OSError:
                break
            if not data:
                break
            *lines, buffer = (buffer + data).split(b'\n')
            for line in lines:
                self.handle(line.rstrip(b'\r').decode('utf-8', 'replace'))
            if len(buffer) > MAX_MESSAGE:
                break
        self.gone.set()

    def handle(self, text):
        answers = self.answers
        count = text[1:]
        if text.startswith('|') and count.isdecimal():
            if answers:
                answers.put(text)
            return
        screen.say(text)
        if answers:
            answers.put(text)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.receiver.join(1)
        self.sock.close()

    def wait_for_answer(self, accept, seconds):
        """The next message of the server that fits, or None."""
        end = time.monotonic() + seconds
        while time.monotonic() < end and not self.gone.is_set():
            try:
                text = self.answers.get(timeout=0.1)
            except queue.Empty:
                continue
            if accept(text):
                return text
        return None


class Download:
    """Receives the parts; runs in a thread of its own and tells events to the user's thread."""

    def __init__(self, connection, count):
        self.connection = connection
        self.parts = [None] * count
        self.half = count // 2
        self.received = 0
        self.received_half = 0
        self.answer = None  # what the user said at 50 %
        self.proceed = self.half == 0
        self.events = queue.Queue()  # 'ask', then 'done' or 'failed'
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        try:
            self.events.put('done' if self.transfer() else 'failed')
        except OSError as error:
            screen.say(f'Download failed: {error}')
            self.events.put('failed')

    def transfer(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            udp.bind((self.connection.local_ip, 0))
            self.connection.send(str(udp.getsockname()[1]))
            timer = STEP
            deadline = time.monotonic() + timer
            last_new = time.monotonic()
            asked = False
            while self.received < len(self.parts):
                if self.connection.gone.is_set():
                    return False
                now = time.monotonic()
                asking = asked and not self.proceed
                if asking and self.answer is not None:
                    self.connection.send(self.answer)
                    if self.answer != 'proceed':
                        return False
                    self.proceed = True
                    timer = STEP
                    deadline = now + timer
                    last_new = now
                    continue
                if not asked and not self.proceed and self.received_half == self.half:
                    asked = True
                    self.events.put('ask')
                    continue
                try:
                    udp.settimeout(0.05 if asking else max(0, deadline - now))
                    data, address = udp.recvfrom(65535)
                except (TimeoutError, BlockingIOError):
                    if asking:
                        continue
                    if time.monotonic() - last_new > GIVE_UP:
                        screen.say('Download failed: nothing came for 30 seconds')
                        self.connection.send('stop')
                        return False
                    self.ask_again(len(self.parts) if self.proceed else self.half)
                    timer += STEP
                    deadline = time.monotonic() + timer
                    continue
                number = self.number_of(data, address)
                if number is None:
                    continue
                if self.parts[number] is None:
                    self.parts[number] = data[5:]
                    self.received += 1
                    self.received_half += number < self.half
                    timer = STEP
                    last_new = time.monotonic()
                deadline = time.monotonic() + timer
        self.connection.send('stop')
        return True

    def number_of(self, data, address):
        """The part's number, or None for what is no part of this file."""
        if address[0] != self.connection.server_ip or len(data) < 6 or data[4:5] != b':':
            return None
        number = struct.unpack('>I', data[:4])[0]
        if number >= len(self.parts):
            return None
        size = len(data) - 5
        if size > PART_SIZE or (size < PART_SIZE and number != len(self.parts) - 1):
            return None
        return number

    def ask_again(self, end):
        """Asks for the missing parts below the end, which should have come by now."""
        missing = [str(number) for number in range(end) if self.parts[number] is None]
        for i in range(0, len(missing), NUMBERS_PER_MESSAGE):
            self.connection.send(' '.join(missing[i : i + NUMBERS_PER_MESSAGE]))


def download(connection):
    name = ask('Enter the name of the file: ', connection)
    connection.answers = queue.Queue()
    try:
        connection.send('download|' + name)
        answer = connection.wait_for_answer(
            lambda text: text.startswith('|') or text.lower().startswith("can't"), GIVE_UP
        )
        if answer is None or not answer.startswith('|'):
            if answer is None and not connection.gone.is_set():
                screen.say('No answer from the server')
            return
        if len(answer) > 8 or int(answer[1:]) > MAX_PARTS:
            screen.say('The file is too large')
            connection.send('stop')
            return
        transfer = Download(connection, int(answer[1:]))
        event = transfer.events.get()
        if event == 'ask':
            question = "Download reached 50%. Write 'proceed' to continue, anything else to stop: "
            answer = ask(question, connection)
            if answer in COMMANDS or not answer.strip(' 0123456789'):
                answer = 'stop'
            transfer.answer = answer
            event = transfer.events.get()
        if event != 'done':
            connection.wait_for_answer(lambda text: text.startswith('download stopped'), 2)
            return
        connection.wait_for_answer(lambda text: 'Last byte is' in text, 5)
        save(name, transfer.parts)
    finally:
        connection.answers = None


def save(name, parts):
    while True:
        new_name = ask('Enter the new name of the file: ') or name
        try:
            with open(os.path.basename(new_name), 'wb') as file:
                file.writelines(parts)
        except (OSError, ValueError) as error:
            screen.say(f'Cannot save: {error}')
            continue
        screen.say(f'Saved as {os.path.basename(new_name)}')
        return


def command_loop(connection):
    """Reads commands until the user disconnects."""
    while True:
        line = ask('Enter a command or a message: ', connection)
        if line == 'connect':
            name = ask('Enter your name: ', connection)
            if '|' in name or not name.strip():
                screen.say("The name is illegal, it can't be empty or have '|' in it")
            else:
                connection.send('connect|' + name)
        elif line == 'disconnect':
            connection.send('disconnect')
            connection.gone.wait(2)
            return
        elif line in ('get_users', 'get_list_file'):
            connection.send(line)
        elif line == 'download':
            download(connection)
        elif line:
            target = ask('Enter the target name (leave blank for all users): ', connection)
            connection.send(f'msg|{line}|{target}' if target else 'msg_all|' + line)


def ask_address(prompt):
    while True:
        address = ask(prompt).strip()
        try:
            if address:
                return socket.gethostbyname(address)
        except (OSError, UnicodeError):
            screen.say('This is not an IP address')


def ask_port():
    while True:
        port = ask('Enter the port of the server (55000-55015): ').strip()
        if port.isdecimal() and len(port) < 6 and 1 <= int(port) <= 65535:
            return int(port)
        screen.say('This is not a port')


def run():
    while True:
        local_ip = ask_address('Enter the IP address to connect from: ')
        server_ip = ask_address('Enter the IP address of the server: ')
        port = ask_port()
        try:
            connection = Connection(local_ip, server_ip, port)
        except OSError as error:
            screen.say(f'Cannot connect: {error}')
            continue
        screen.say('There is a connection to the server')
        try:
            command_loop(connection)
        except ServerGone:
            screen.say('The connection to the server is lost')
        except EOFError:
            connection.send('disconnect')
            connection.gone.wait(1)
            raise
        finally:
            connection.close()


def main():
    sys.stdin.reconfigure(encoding='utf-8', errors='replace')
    sys.stdout.reconfigure(errors='replace')
    threading.Thread(target=read_keyboard, daemon=True).start()
    try:
        run()
    except (EOFError, KeyboardInterrupt):
        pass
    screen.say('Bye')
    os._exit(0)


if __name__ == '__main__':
    main()
