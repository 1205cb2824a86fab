"""A client of the relay protocol, written from its document: both connections, sending, reading."""
import argparse
import socket
import sys


class Lines:
    def __init__(self, host, port):
        self.socket = socket.create_connection((host, port), timeout=20)
        self.buffer = b""

    def line(self):
        while b"\n" not in self.buffer:
            chunk = self.socket.recv(4096)
            if not chunk:
                raise SystemExit("the server closed the connection")
            self.buffer += chunk
        line, self.buffer = self.buffer.split(b"\n", 1)
        text = line.rstrip(b"\r").decode()
        print("<<", text, flush=True)
        return text

    def say(self, text):
        print(">>", text, flush=True)
        self.socket.sendall(text.encode() + b"\r\n")


def expect(line, *starts):
    if not line.startswith(starts):
        raise SystemExit("expected one of %s" % (starts,))
    return line


def log_in(host, port, user, key):
    connection = Lines(host, port)
    expect(connection.line(), "WELCOME")
    connection.say("%s %s" % (user, key))
    expect(connection.line(), "200")
    return connection


def data(host, port, request):
    connection = Lines(host, port)
    connection.say(request)
    expect(connection.line(), "500", "600")
    return connection


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--command-port", type=int, required=True)
    parser.add_argument("--notif-port", type=int, required=True)
    parser.add_argument("--name", required=True)
    parser.add_argument("--key", required=True)
    parser.add_argument("--send")
    parser.add_argument("--to", nargs="*", default=[])
    parser.add_argument("--out")
    parser.add_argument("--break-at", type=int, default=0)
    args = parser.parse_args()
    host = "127.0.0.1"
    command = log_in(host, args.command_port, args.name, args.key)
    notes = log_in(host, args.notif_port, args.name, args.key)
    command.say("LIST")
    count = int(expect(command.line(), "300").split()[1])
    users = [command.line() for _ in range(count)]
    assert args.name in users, users
    if args.send:
        content = open(args.send, "rb").read()
        name = args.send.rsplit("/", 1)[-1]
        command.say('SEND "%s" %d %d' % (name, len(content), len(args.to)))
        for user in args.to:
            command.say(user)
        accepted = int(expect(command.line(), "402").split()[1])
        for _ in range(accepted):
            command.line()
        port = int(command.line())
        writer = data(host, port, "WRITE %s %s" % (args.name, args.key))
        if args.break_at:
            writer.socket.sendall(content[: args.break_at])
            writer.socket.close()
            writer = Lines(host, port)
            writer.say("WRITE %s %s resume" % (args.name, args.key))
            stored = int(expect(writer.line(), "500", "600").rsplit(" ", 1)[1])
            writer.socket.sendall(content[stored:])
        else:
            writer.socket.sendall(content)
        writer.socket.shutdown(socket.SHUT_WR)
        while writer.socket.recv(4096):
            pass
        print("sent", flush=True)
    if args.out:
        expect(notes.line(), "RCFR")
        notes.say("400 OK")
        words = expect(notes.line(), "OPEN").split(" ")
        port = int(words[-1])
        print("file", " ".join(words[2:-1]).strip('"'), flush=True)
        parts = []
        offset = 0
        stops = [args.break_at, None] if args.break_at else [None]
        for stop in stops:
            reader = data(host, port, "READ %s %s %d" % (args.name, args.key, offset))
            chunk = reader.buffer
            while True:
                parts.append(chunk)
                offset += len(chunk)
                if stop is not None and offset >= stop:
                    break
                chunk = reader.socket.recv(65536)
                if not chunk:
                    break
            reader.socket.close()
        open(args.out, "wb").write(b"".join(parts))
        print("received", flush=True)


main()
sys.exit(0)
