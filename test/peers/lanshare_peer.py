"""A peer of lanshare's engines, written from their document: presence, objects, and the bytes of files."""
import argparse
import collections
import hashlib
import json
import os
import queue
import re
import select
import socket
import sys
import threading
import time

NAME, ADDRESS, DIGITS = r".{1,64}", r"\d{1,3}(\.\d{1,3}){3}", r"[0-9]{1,16}"
HEAD = {"stat": r"\w+", "username": NAME, "ip": ADDRESS}
OF_FILE = {**HEAD, "dir": r".{1,4096}", "fileName": r".{1,1024}", "fileType": r".*", "contentType": "file"}
SHAPES = {
    "online": HEAD,
    "offline": HEAD,
    "rreq": {**OF_FILE, "fileSize": DIGITS},
    "rrej": {**OF_FILE, "fileSize": DIGITS},
    "racp": {**OF_FILE, "destination": r".*", "port": r"[0-9]{1,5}"},
    "rmsg": {"stat": r"\w+", "person": NAME, "content": r"(?s).{1,16384}", "contentType": "text"},
    "header": {"fileName": r".{1,1024}", "fileSize": DIGITS, "sha256": r"[0-9a-f]{64}"},
    "offset": {"stat": r"\w+", "offset": DIGITS},
    "done": {"stat": r"\w+"},
    "failed": {"stat": r"\w+", "reason": r".+"},
}
COPIES = 5

# Seconds; there to end what hangs.
LIMIT = 40


def tell(*words):
    print(*words, flush=True)


def must(condition, *words):
    if not condition:
        raise SystemExit(" ".join(str(word) for word in words))


def understand(raw, expected):
    message = json.loads(raw.decode("utf-8"))
    must(isinstance(message, dict), "no object:", raw)
    kind = message.get("stat", "header")
    must(kind in expected, "expected one of", expected, "and not", raw)
    must(message.keys() == SHAPES[kind].keys(), "the fields of", kind, "are", list(message))
    for name, pattern in SHAPES[kind].items():
        value = message[name]
        must(isinstance(value, str) and re.fullmatch(pattern, value), kind, name, "is", repr(value))
    return message


def line(connection):
    """Not a byte beyond its LF: what follows may be the file."""
    raw = b""
    while not raw.endswith(b"\n"):
        byte = connection.recv(1)
        must(byte, "the data connection was closed after", raw)
        raw += byte
        must(len(raw) <= 65536, "a line of more than 64 KiB")
    return raw[:-1]


def drain(connection):
    """What the other side says until it closes; None if it cuts the connection."""
    said = b""
    try:
        while chunk := connection.recv(65536):
            said += chunk
        return said
    except ConnectionResetError:
        return None


class Peer:
    def __init__(self, args):
        self.args = args
        self.people = {}
        self.copies = collections.Counter()
        self.problems = []
        self.objects = queue.Queue()
        self.changed = threading.Condition()
        self.saying = threading.Lock()
        # What goes to everybody arrives at the first, what goes to this address at the second.
        self.sockets = [self.udp(""), self.udp(args.ip)]
        self.listener = socket.create_server((args.ip, args.tcp_port))
        for serve in (self.listen, self.accept):
            threading.Thread(target=serve, daemon=True).start()

    def udp(self, ip):
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        made.bind((ip, self.args.udp_port))
        return made

    def say(self, stat, ip):
        tell(">>", stat, ip)
        raw = json.dumps({"stat": stat, "ip": self.args.ip, "username": self.args.name}).encode()
        # One after the other: an online that came after offline would be believed.
        with self.saying:
            for copy in range(COPIES):
                time.sleep(0.05 if copy else 0)
                self.sockets[1].sendto(raw, (ip, self.args.udp_port))

    def watched(self, work, *args):
        try:
            work(*args)
        except (SystemExit, OSError, ValueError) as problem:
            self.problems.append("%s: %s" % (args[-1], problem))

    def listen(self):
        while True:
            for ready in select.select(self.sockets, [], [])[0]:
                raw, (ip, _) = ready.recvfrom(65536)
                if ip != self.args.ip:
                    self.watched(self.heard, raw, ip)

    def heard(self, raw, ip):
        message = understand(raw, ("online", "offline"))
        must(message["ip"] == ip, "it calls itself", message["ip"])
        name, known = message["username"], self.people.get(ip)
        with self.changed:
            self.copies[ip, message["stat"]] += 1
            if message["stat"] == "online":
                self.people[ip] = name
            else:
                self.people.pop(ip, None)
            self.changed.notify_all()
        if self.people.get(ip) != known:
            tell("<<", message["stat"], name, ip)
            if message["stat"] == "online":
                threading.Thread(target=self.say, args=("online", ip), daemon=True).start()

    def accept(self):
        while True:
            connection, (ip, _) = self.listener.accept()
            threading.Thread(target=self.watched, args=(self.take, connection, ip), daemon=True).start()

    def take(self, connection, ip):
        connection.settimeout(LIMIT)
        raw = drain(connection)
        must(raw, "no object")
        message = understand(raw, ("rreq", "racp", "rrej", "rmsg"))
        name = message.get("username", message.get("person"))
        # Its datagram may come later than its connection.
        self.wait(lambda: self.people.get(ip) == name, "%s is there" % name)
        must(message.get("ip", ip) == ip, "it calls itself", message)
        tell("<<", message["stat"], name)
        connection.close()
        self.objects.put((ip, message))

    def next(self, stat):
        try:
            ip, message = self.objects.get(timeout=LIMIT)
        except queue.Empty:
            raise SystemExit("waited in vain for " + stat)
        must(message["stat"] == stat, "expected", stat, "and not", message)
        return ip, message

    def wait(self, condition, what):
        with self.changed:
            must(self.changed.wait_for(condition, LIMIT), "waited in vain:", what)

    def find(self, name):
        self.wait(lambda: name in self.people.values(), name + " is there")
        return next(ip for ip, known in self.people.items() if known == name)

    def connect(self, ip, port):
        connection = socket.create_connection((ip, port), LIMIT, (self.args.ip, 0))
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def deliver(self, ip, message):
        """Whether it was taken: then nothing was said, and the connection was closed in good order."""
        tell(">>", message["stat"], ip)
        raw = json.dumps(message).encode()
        with self.connect(ip, self.args.tcp_port) as connection:
            connection.sendall(raw[:20])
            connection.sendall(raw[20:])
            connection.shutdown(socket.SHUT_WR)
            said = drain(connection)
        must(not said, "to an object was said:", said)
        return said is not None

    def mine(self, stat, of, **more):
        names = [name for name in SHAPES[stat] if name in of]
        me = {"username": self.args.name, "ip": self.args.ip}
        return {**{name: of[name] for name in names}, **me, "stat": stat, **more}

    def receive(self):
        ip, request = self.next("rreq")
        tell("asked for", request["fileName"], request["fileSize"], request["fileType"])
        if self.args.refuse:
            must(self.deliver(ip, self.mine("rrej", request)), "rrej was not taken")
        else:
            path = os.path.join(self.args.out, os.path.basename(request["fileName"]))
            if self.args.break_at:
                self.download(ip, request, path, self.args.break_at)
                ip, request = self.next("rreq")
            self.download(ip, request, path, 0)
            tell("received", path)
        self.wait(lambda: self.copies[ip, "offline"] == COPIES, "all copies of offline")

    def download(self, ip, request, path, stop):
        with socket.create_server((self.args.ip, 0)) as server:
            server.settimeout(LIMIT)
            port = str(server.getsockname()[1])
            accepted = self.mine("racp", request, destination=self.args.out, port=port)
            must(self.deliver(ip, accepted), "racp was not taken")
            data, (who, _) = server.accept()
        must(who == ip, "the data connection comes from", who)
        with data, open(path, "ab") as out:
            data.settimeout(LIMIT)
            header = understand(line(data), ("header",))
            must(header["fileName"] == request["fileName"], "another name:", header)
            must(header["fileSize"] == request["fileSize"], "another size:", header)
            had = out.tell()
            data.sendall(b'{"stat":"offset","offset":"%d"}\n' % had)
            left = (stop or int(header["fileSize"])) - had
            while left > 0:
                chunk = data.recv(min(left, 65536))
                must(chunk, "closed, and missing are", left)
                out.write(chunk)
                left -= len(chunk)
            if stop:
                return
            out.close()
            with open(path, "rb") as whole:
                must(hashlib.sha256(whole.read()).hexdigest() == header["sha256"], "another file came")
            data.sendall(b'{"stat":"done"}\n')
            said = drain(data)
            must(said == b"", "after done was said:", said)

    def send(self):
        with open(self.args.file, "rb") as opened:
            content = opened.read()
        ip = self.find(self.args.to)
        file_name = os.path.basename(self.args.file)
        request = {
            **{"stat": "rreq", "username": self.args.name, "ip": self.args.ip},
            **{"dir": self.args.file, "fileName": file_name, "fileSize": str(len(content))},
            **{"fileType": file_name.rsplit(".", 1)[-1], "contentType": "file"},
        }
        if self.args.break_at:
            self.upload(ip, request, content, 0, self.args.break_at)
        self.upload(ip, request, content, self.args.break_at, 0)

    def upload(self, ip, request, content, had, stop):
        must(self.deliver(ip, request), "rreq was not taken")
        who, answer = self.next("rrej" if self.args.refused else "racp")
        must(who == ip, "the answer comes from", who)
        for name in ("dir", "fileName", "fileType"):
            must(answer[name] == request[name], "an answer to another request:", answer)
        if self.args.refused:
            return
        with self.connect(ip, int(answer["port"])) as data:
            header = {name: request[name] for name in ("fileName", "fileSize")}
            header["sha256"] = hashlib.sha256(content).hexdigest()
            data.sendall(json.dumps(header).encode() + b"\n")
            offset = int(understand(line(data), ("offset",))["offset"])
            tell("it has", offset)
            # What was sent last may not have arrived when the connection broke.
            must(0 < offset <= had if had else offset == 0, "it has", offset, "of", had)
            end = stop or len(content)
            pause = self.args.seconds * 4099 / len(content)
            for at in range(offset, end, 4099):
                data.sendall(content[at : min(at + 4099, end)])
                time.sleep(pause)
            if stop:
                # When it has closed, it has put away what came.
                data.shutdown(socket.SHUT_WR)
                drain(data)
                return
            understand(line(data), ("done",))
            said = drain(data)
            must(said == b"", "after done was said:", said)
        tell("sent", request["fileName"])

    def message(self):
        """Waits for a message first: whoever writes one knows this peer."""
        ip = self.find(self.args.to)
        who, answer = self.next("rmsg")
        must(who == ip, "the first message comes from", who)
        tell(answer["person"], "says", answer["content"])
        message = {"stat": "rmsg", "content": self.args.text, "contentType": "text"}
        imposture = {**message, "person": self.args.name + "?"}
        must(not self.deliver(ip, imposture), "it takes what comes under another name")
        must(self.deliver(ip, {**message, "person": self.args.name}), "rmsg was not taken")

    def run(self):
        self.say("online", self.args.broadcast)
        try:
            self.args.run(self)
        finally:
            self.say("offline", self.args.broadcast)
        must(not self.problems, "; ".join(self.problems))
        must(self.objects.empty(), "there was more than one waited for")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True)
    parser.add_argument("--ip", required=True)
    parser.add_argument("--broadcast", default="127.255.255.255")
    parser.add_argument("--udp-port", type=int, default=9998)
    parser.add_argument("--tcp-port", type=int, default=9999)
    modes = parser.add_subparsers(required=True)
    receive = modes.add_parser("receive")
    receive.set_defaults(run=Peer.receive)
    receive.add_argument("--out", required=True)
    receive.add_argument("--break-at", type=int, default=0)
    receive.add_argument("--refuse", action="store_true")
    send = modes.add_parser("send")
    send.set_defaults(run=Peer.send)
    send.add_argument("file")
    send.add_argument("to")
    send.add_argument("--break-at", type=int, default=0)
    send.add_argument("--refused", action="store_true")
    send.add_argument("--seconds", type=float, default=0, help="so long it takes at least")
    message = modes.add_parser("message")
    message.set_defaults(run=Peer.message)
    message.add_argument("text")
    message.add_argument("to")
    Peer(parser.parse_args()).run()


main()
sys.exit(0)
