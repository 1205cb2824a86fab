"""A peer of the sent protocol, written from its document: it knows no SHA-256, and ends no object with LF."""
import argparse
import hashlib
import json
import os
import re
import select
import socket
import sys
import threading
import time

PERSON = {"name": r".{1,64}", "ip": r".{1,64}"}
FILE = {"name": r".{1,1024}", "size": r"[0-9]{1,16}", "type": r"[^/\s]+/[^/\s]+", "hash": r"[0-9a-f]{32}"}
TIME = r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d"
ANSWER = {"sender": PERSON, "receiver": PERSON, "file": FILE, "time": TIME}
SHAPES = {
    "JOIN": {"user": PERSON},
    "PING": {"user": PERSON},
    "LEAVE": {"user": PERSON},
    "ASK": {"sender": PERSON, "receivers": [PERSON], "file": FILE, "time": TIME},
    "ACCEPT": ANSWER,
    "REFUSE": ANSWER,
    "FILE": {**ANSWER, "offset": r"[0-9]{1,16}"},
    "RECEIVED": ANSWER,
    "FAILED": {**ANSWER, "reason": r".+"},
}
# Seconds; there to end what hangs.
LIMIT = 40


def tell(*words):
    print(*words, flush=True)


def must(condition, *words):
    if not condition:
        raise SystemExit(" ".join(str(word) for word in words))


def check(value, shape, where):
    """Fields that the shape does not name are nobody's business."""
    if isinstance(shape, str):
        must(isinstance(value, str) and re.fullmatch(shape, value), where, "is", repr(value))
    elif isinstance(shape, list):
        must(isinstance(value, list) and value, where, "is", repr(value))
        for item in value:
            check(item, shape[0], where)
    else:
        must(isinstance(value, dict), where, "is", repr(value))
        for name, inner in shape.items():
            must(name in value, where, "has no", name)
            check(value[name], inner, where + "." + name)


def understand(raw, expected):
    message = json.loads(raw.decode("utf-8"))
    kind = message.get("type")
    must(kind in expected, "expected one of", expected, "and not", raw)
    check(message, SHAPES[kind], kind)
    return message


class Stream:
    """A TCP connection: objects that end with their last brace, and bytes."""

    def __init__(self, connection):
        self.socket = connection
        self.socket.settimeout(LIMIT)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""

    def more(self):
        chunk = self.socket.recv(65536)
        must(chunk, "the connection was closed too early")
        self.buffer += chunk

    def object(self, *expected):
        at = depth = 0
        in_string = escaped = False
        while True:
            self.buffer = self.buffer if depth else self.buffer.lstrip()
            while at < len(self.buffer):
                byte = self.buffer[at : at + 1]
                at += 1
                if escaped:
                    escaped = False
                elif in_string:
                    escaped = byte == b"\\"
                    in_string = byte != b'"'
                elif byte == b'"':
                    in_string = True
                elif byte in b"{}":
                    depth += 1 if byte == b"{" else -1
                    if depth == 0:
                        raw, self.buffer = self.buffer[:at], self.buffer[at:]
                        message = understand(raw, expected)
                        tell("<<", message["type"])
                        return message
                else:
                    must(depth > 0, "no object:", self.buffer[:80])
            must(len(self.buffer) <= 65536, "an object of more than 64 KiB")
            self.more()

    def line_end(self):
        while not self.buffer:
            self.more()
        must(self.buffer[:1] == b"\n", "FILE does not end with LF")
        self.buffer = self.buffer[1:]

    def take(self, limit):
        if not self.buffer:
            self.more()
        taken, self.buffer = self.buffer[:limit], self.buffer[limit:]
        return taken

    def end(self):
        while True:
            chunk = self.buffer or self.socket.recv(65536)
            if not chunk:
                break
            must(not chunk.strip(), "after the last word came", chunk[:80])
            self.buffer = b""
        self.socket.close()

    def say(self, message, piece=65536):
        tell(">>", message["type"])
        raw = json.dumps(message).encode()
        for at in range(0, len(raw), piece):
            self.socket.sendall(raw[at : at + piece])


class Peer:
    def __init__(self, args):
        self.args = args
        self.user = {"name": args.name, "ip": args.ip}
        self.people = {}
        self.problems = []
        self.changed = threading.Condition()
        # What goes to everybody arrives at the first, what goes to this address at the second.
        self.sockets = [self.udp(""), self.udp(args.ip)]
        self.listener = socket.create_server((args.ip, args.tcp_port))
        self.listener.settimeout(LIMIT)
        threading.Thread(target=self.listen, daemon=True).start()

    def udp(self, ip):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.bind((ip, self.args.udp_port))
        return made

    def say(self, kind, ip):
        tell(">>", kind, ip)
        raw = json.dumps({"type": kind, "user": self.user}).encode()
        self.sockets[1].sendto(raw, (ip, self.args.udp_port))

    def listen(self):
        while True:
            for ready in select.select(self.sockets, [], [])[0]:
                raw, (ip, _) = ready.recvfrom(65536)
                if ip == self.args.ip:
                    continue
                try:
                    self.heard(understand(raw, ("JOIN", "PING", "LEAVE")), ip)
                except (SystemExit, ValueError) as problem:
                    self.problems.append("from %s: %s" % (ip, problem))

    def heard(self, message, ip):
        kind, name = message["type"], message["user"]["name"]
        tell("<<", kind, name, ip)
        must(message["user"]["ip"] == ip, "it calls itself", message["user"]["ip"])
        with self.changed:
            if kind == "LEAVE":
                self.people.pop(ip, None)
            else:
                self.people[ip] = name
            self.changed.notify_all()
        if kind == "JOIN":
            self.say("PING", ip)

    def wait(self, condition, what):
        with self.changed:
            must(self.changed.wait_for(condition, LIMIT), "waited in vain:", what)

    def find(self, name):
        self.wait(lambda: name in self.people.values(), name + " is there")
        return next(ip for ip, known in self.people.items() if known == name)

    def connect(self, ip):
        return Stream(socket.create_connection((ip, self.args.tcp_port), LIMIT, (self.args.ip, 0)))

    def about(self, kind, sender, receiver, file, **more):
        now = time.strftime("%Y-%m-%d %H:%M:%S")
        return {"type": kind, "sender": sender, "receiver": receiver, "file": file, "time": now, **more}

    def receive(self):
        connection, (ip, _) = self.listener.accept()
        asking = stream = Stream(connection)
        ask = stream.object("ASK")
        sender, file = ask["sender"], {name: ask["file"][name] for name in FILE}
        # Its datagram may come later than its connection.
        self.wait(lambda: self.people.get(ip) == sender["name"], sender["name"] + " is there")
        must(self.user in ask["receivers"], "not asked:", ask["receivers"])
        tell("asked for", file["name"], file["size"], file["type"], "by", sender["name"])
        if self.args.own_connection:
            if self.args.own_connection == "only":
                asking.socket.close()
            stream = self.connect(ip)
        if self.args.refuse:
            stream.say(self.about(self.args.refuse, sender, self.user, file))
            stream.end()
            self.wait(lambda: ip not in self.people, sender["name"] + " leaves")
            return
        stream.say(self.about("ACCEPT", sender, self.user, file))
        told = stream.object("FILE")
        stream.line_end()
        must(told["offset"] == "0", "nothing is here, and it begins at", told["offset"])
        must({name: told["file"][name] for name in FILE} == file, "another file:", told["file"])
        must(told["sender"] == sender and told["receiver"] == self.user, "others:", told)
        left, digest = int(file["size"]), hashlib.md5()
        must(os.path.basename(file["name"]) == file["name"], "no name of a file:", file["name"])
        with open(os.path.join(self.args.out, file["name"]), "wb") as out:
            while left > 0:
                chunk = stream.take(left)
                out.write(chunk)
                digest.update(chunk)
                left -= len(chunk)
        must(digest.hexdigest() == file["hash"], "the MD5 is", digest.hexdigest())
        stream.say(self.about("RECEIVED", sender, self.user, file))
        stream.end()
        asking.socket.close()
        tell("received", file["name"])
        self.wait(lambda: ip not in self.people, sender["name"] + " leaves")

    def send(self):
        with open(self.args.file, "rb") as opened:
            content = opened.read()
        file = {
            "name": os.path.basename(self.args.file),
            "size": str(len(content)),
            "type": "application/octet-stream",
            "hash": hashlib.md5(content).hexdigest(),
        }
        ip = self.find(self.args.to)
        receiver = {"name": self.args.to, "ip": ip}
        if self.args.break_at:
            self.offer(receiver, file, content, 0, self.args.break_at)
        self.offer(receiver, file, content, self.args.break_at, 0)

    def offer(self, receiver, file, content, had, stop):
        stream = self.connect(receiver["ip"])
        ask = self.about("ASK", self.user, receiver, file)
        ask["receivers"] = [ask.pop("receiver")]
        stream.say(ask, 50)
        answer = stream.object(*("REFUSE",) if self.args.refused else ("ACCEPT", "FAILED"))
        if self.args.refused:
            stream.end()
            return
        self.check_answer(answer, "ACCEPT", receiver, file)
        offset = int(answer.get("offset", "0"))
        tell("it has", offset)
        # What was sent last may not have arrived when the connection broke.
        must(0 < offset <= had if had else offset == 0, "it has", offset, "of", had)
        stream.say(self.about("FILE", self.user, receiver, file, offset=str(offset)), 50)
        stream.socket.sendall(b"\n")
        end = stop or len(content)
        for at in range(offset, end, 4099):
            stream.socket.sendall(content[at : min(at + 4099, end)])
        if stop:
            # It says FAILED or nothing; when it has closed, it has put away what came.
            stream.socket.shutdown(socket.SHUT_WR)
            while stream.socket.recv(65536):
                pass
            stream.socket.close()
        else:
            self.check_answer(stream.object("RECEIVED", "FAILED"), "RECEIVED", receiver, file)
            stream.end()

    def check_answer(self, answer, kind, receiver, file):
        must(answer["type"] == kind, "answered:", answer)
        must(answer["sender"] == self.user and answer["receiver"] == receiver, "others:", answer)
        must({name: answer["file"][name] for name in FILE} == file, "another file:", answer)

    def run(self):
        self.say("JOIN", self.args.broadcast)
        try:
            self.args.run(self)
        finally:
            self.say("LEAVE", self.args.broadcast)
        must(not self.problems, "; ".join(self.problems))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--broadcast", default="127.255.255.255")
    parser.add_argument("--udp-port", type=int, default=8081)
    parser.add_argument("--tcp-port", type=int, default=8080)
    modes = parser.add_subparsers(required=True)
    receive = modes.add_parser("receive")
    receive.set_defaults(run=Peer.receive)
    receive.add_argument("--out", required=True)
    receive.add_argument("--own-connection", nargs="?", const="besides", choices=("besides", "only"))
    receive.add_argument("--refuse", nargs="?", const="REFUSE", choices=("REFUSE", "DENY"))
    send = modes.add_parser("send")
    send.set_defaults(run=Peer.send)
    send.add_argument("file")
    send.add_argument("to")
    send.add_argument("--break-at", type=int, default=0)
    send.add_argument("--refused", action="store_true")
    Peer(parser.parse_args()).run()


main()
sys.exit(0)
