"""A server of the relay protocol, written from its document: no users file, files in memory."""
import argparse
import socket
import threading

parser = argparse.ArgumentParser()
parser.add_argument("--dialogue", action="store_true")
parser.add_argument("--break-once", type=int, default=0)
args = parser.parse_args()
OK = (lambda name: "600 OK") if args.dialogue else (lambda name: '500 "%s"' % name)
DENIED = "601 DENIED" if args.dialogue else "501 DENIED"
lock = threading.Lock()
keys, notes, answers = {}, {}, {}


def listen(port=0):
    server = socket.create_server(("127.0.0.1", port))
    return server, server.getsockname()[1]


def say(connection, *lines):
    connection.sendall("".join(line + "\r\n" for line in lines).encode())


def accept_all(server, handle):
    while True:
        connection, _ = server.accept()
        threading.Thread(target=handle, args=(connection,), daemon=True).start()


def command(connection):
    stream = connection.makefile("rb")
    line = lambda: stream.readline().decode().rstrip("\r\n")
    say(connection, "WELCOME")
    user, key = line().split(" ")
    if user in keys:
        say(connection, "201 ID HAS BEEN TAKEN")
        connection.close()
        return
    keys[user] = key
    say(connection, "200 AUTHENTICATION OK")
    while True:
        text = line()
        if not text:
            del keys[user]
            notes.pop(user, None)
            return
        if text == "LIST":
            say(connection, "300 %d" % len(notes), *notes)
        elif text.startswith("SEND "):
            name, size, count = text[5:].rsplit(" ", 2)
            name = name.strip('"')
            wanted = [line() for _ in range(int(count))]
            accepted = []
            for one in wanted:
                if one in notes:
                    say(notes[one], "RCFR " + user)
                    answers[one].acquire()
                    if answers[one].said == "400 OK":
                        accepted.append(one)
            if not accepted:
                say(connection, "403 NO RECIPIENT")
                continue
            server, port = listen()
            shared = Shared(name, int(size), user, accepted)
            threading.Thread(target=accept_all, args=(server, shared.handle), daemon=True).start()
            say(connection, "402 %d" % len(accepted), *accepted, str(port))
            for one in accepted:
                say(notes[one], 'OPEN %s "%s" %d' % (user, name, port))
        else:
            say(connection, "900 UNKNOWN COMMAND")


class Answers(threading.Semaphore):
    said = ""


def notification(connection):
    stream = connection.makefile("rb")
    line = lambda: stream.readline().decode().rstrip("\r\n")
    say(connection, "WELCOME")
    words = line().split(" ")
    # This server knows two fields only.
    if len(words) != 2:
        say(connection, "203 BAD COMMAND")
        connection.close()
        return
    user, key = words
    if keys.get(user) != key:
        say(connection, "202 AUTHENTICATION FAILED")
        connection.close()
        return
    answers[user] = Answers(0)
    notes[user] = connection
    say(connection, "200 AUTHENTICATION OK")
    while True:
        text = line()
        if not text:
            return
        answers[user].said = text
        answers[user].release()


class Shared:
    def __init__(self, name, size, sender, readers):
        self.name, self.size, self.sender, self.readers = name, size, sender, readers
        self.content = b""
        self.grown = threading.Condition()
        self.broken = False

    def handle(self, connection):
        line = b""
        while not line.endswith(b"\n"):
            line += connection.recv(1)
        words = line.decode().split()
        if len(words) < 3 or keys.get(words[1]) != words[2]:
            say(connection, DENIED)
        elif words[0] == "WRITE" and words[1] == self.sender:
            self.write(connection, words[3:])
        elif words[0] == "READ" and words[1] in self.readers and len(words) <= 4:
            self.read(connection, int(words[3]) if len(words) == 4 else 0)
        else:
            say(connection, "502 BAD COMMAND")
        connection.close()

    def write(self, connection, rest):
        if rest == ["resume"]:
            code = "600" if args.dialogue else "500"
            say(connection, '%s "%s" %d' % (code, self.name, len(self.content)))
        else:
            say(connection, OK(self.name))
        while len(self.content) < self.size:
            chunk = connection.recv(65536)
            if not chunk:
                return
            with self.grown:
                self.content += chunk
                self.grown.notify_all()
            if args.break_once and not self.broken and len(self.content) > args.break_once:
                self.broken = True
                return

    def read(self, connection, offset):
        say(connection, OK(self.name))
        while offset < self.size:
            with self.grown:
                while len(self.content) <= offset:
                    self.grown.wait()
                chunk = self.content[offset:]
            connection.sendall(chunk)
            offset += len(chunk)


commands, command_port = listen()
notifications, notification_port = listen()
threading.Thread(target=accept_all, args=(notifications, notification), daemon=True).start()
print("listening on %d %d" % (command_port, notification_port), flush=True)
accept_all(commands, command)
