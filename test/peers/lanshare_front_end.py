"""A front end of lanshare, written from its document: it leads two engines through a story."""
import argparse
import hashlib
import ipaddress
import json
import os
import queue
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

NAME = "big file.bin"
SMALL = 8_000_000
FAILED = ("freq", "facp", "frej", "fprg", "fmsg")


class Wrong(Exception):
    pass


def must(condition, *words):
    if not condition:
        raise Wrong(" ".join(str(word) for word in words))


class Schema:
    """As much of JSON Schema as the engine's has; a keyword that is not known is an error."""

    def __init__(self, path):
        with open(path, encoding="utf-8") as opened:
            self.definitions = json.load(opened)["$defs"]

    def check(self, value, name):
        problem = self.problem(value, self.definitions[name])
        must(problem is None, "not of the schema:", problem, value)

    def problem(self, value, schema):
        for keyword, rule in schema.items():
            problem = getattr(self, "on_" + keyword.strip("$"))(value, rule, schema)
            if problem is not None:
                return problem
        return None

    def on_ref(self, value, rule, _):
        must(rule.startswith("#/$defs/"), "no such reference:", rule)
        return self.problem(value, self.definitions[rule[len("#/$defs/") :]])

    def on_anyOf(self, value, rule, _):
        problems = [self.problem(value, schema) for schema in rule]
        near = [problem for problem in problems if problem and not problem.startswith("const")]
        return None if None in problems else " or ".join(near) or "nothing of that stat"

    def on_type(self, value, rule, _):
        must(rule in ("object", "string"), "no such type:", rule)
        right = isinstance(value, dict if rule == "object" else str)
        return None if right else "%r is no %s" % (value, rule)

    def on_const(self, value, rule, _):
        return None if value == rule else "const: %r is not %r" % (value, rule)

    def on_pattern(self, value, rule, _):
        return None if re.search(rule, value) else "%r is not like %s" % (value, rule)

    def on_minLength(self, value, rule, _):
        return None if len(value) >= rule else "%r is too short" % value

    def on_maxLength(self, value, rule, _):
        return None if len(value) <= rule else "%r is too long" % value

    def on_format(self, value, rule, _):
        must(rule == "ipv4", "no such format:", rule)
        try:
            ipaddress.IPv4Address(value)
            return None
        except ValueError as error:
            return str(error)

    def on_required(self, value, rule, schema):
        # Names what the object is first, so that the nearest definition is the one complained of.
        for name, inner in schema["properties"].items():
            if "const" in inner and value.get(name) != inner["const"]:
                return "const: another " + name
        missing = [name for name in rule if name not in value]
        return "without " + ", ".join(missing) if missing else None

    def on_properties(self, value, rule, _):
        for name, inner in rule.items():
            problem = self.problem(value[name], inner) if name in value else None
            if problem is not None:
                return "%s: %s" % (name, problem)
        return None

    def on_additionalProperties(self, value, rule, schema):
        must(rule is False, "additional properties of a kind")
        more = [name for name in value if name not in schema["properties"]]
        return "with " + ", ".join(more) if more else None

    def on_description(self, *_):
        return None


class Engine:
    def __init__(self, args, schema, name, ip):
        self.name, self.ip, self.schema = name, ip, schema
        flags = ["--username", name, "--ip", ip, "--broadcast", args.broadcast]
        flags += ["--udp-port", str(args.udp_port), "--tcp-port", str(args.tcp_port)]
        flags += ["--data-port", "0", "--no-websocket"]
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            args.command + flags, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log
        )
        self.events = queue.Queue()
        self.progress = []
        self.is_done = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.events.put((time.monotonic(), line))
        self.events.put((time.monotonic(), b""))

    def write(self, line):
        self.process.stdin.write(line + b"\n")
        self.process.stdin.flush()

    def command(self, stat, **fields):
        command = {"stat": stat, **fields}
        self.schema.check(command, "command")
        self.write(json.dumps(command).encode())

    def next(self, limit, what):
        """The next event, which is of the schema, and when it came."""
        try:
            at, line = self.events.get(timeout=max(limit, 0))
        except queue.Empty:
            raise Wrong("%s tells nothing in time: %s" % (self.name, what))
        must(line, self.name, "has ended, instead of", what)
        must(len(line) <= 65537 and line.endswith(b"\n"), "no line:", line[:80])
        event = json.loads(line.decode("utf-8"))
        self.schema.check(event, "event")
        if event["stat"] in ("rprg", "sprg"):
            self.progress.append((at, event))
        return at, event

    def take(self, stat, limit=40, **fields):
        """Waits for an event with these fields; nothing but progress may come before it."""
        end = time.monotonic() + limit
        about = None
        while True:
            at, event = self.next(end - time.monotonic(), stat)
            if event["stat"] in ("rprg", "sprg"):
                continue
            if event.get("content") == "failure" and stat in FAILED:
                must(event["about"] == stat, "a failure of something else:", event)
                about = event
                continue
            must(event["stat"] == stat, self.name, "was to tell", stat, fields, "and tells", event)
            for name, value in fields.items():
                must(event[name] == value, self.name, name, "was to be", repr(value), "in", event)
            must(about is None or about["ip"] == event.get("ip", about["ip"]), "of another:", about)
            return {**event, "at": at}

    def sees_progress(self, stat):
        """Waits for the first word of a transfer: whether it is not at its end then."""
        _, event = self.next(40, stat)
        if event["stat"] == stat:
            return 0 < int(event["current"]) < int(event["total"])
        is_end = event["stat"] == "dprg" or event.get("content") == "saved"
        must(is_end, self.name, "was to tell", stat, "and tells", event)
        self.is_done = event["stat"] == "dprg"
        return False

    def end_of_transfer(self):
        """Lets what has come too fast come to its end."""
        while not self.is_done:
            _, event = self.next(40, "dprg")
            self.is_done = event["stat"] == "dprg"
        self.is_done = False
        self.progress.clear()

    def quiet(self):
        must(self.events.empty(), self.name, "tells more:", list(self.events.queue))

    def check_progress(self, stat, peer, size, ended_at):
        """Of one transfer; then the next can begin."""
        seen, self.progress = self.progress, []
        must(seen, self.name, "has told no", stat)
        for at, event in seen:
            must(event["stat"] == stat and event["ip"] == peer.ip, "no progress of this:", event)
            must(event["username"] == peer.name and event["total"] == str(size), "of whom:", event)
        currents = [int(event["current"]) for _, event in seen]
        must(all(a < b for a, b in zip(currents, currents[1:])), "it does not grow:", currents)
        must(currents[-1] <= size, "more than there is:", currents)
        times = [at for at, _ in seen]
        # The pipe and a busy machine move single events by a quarter of a second or so.
        gaps = [b - a for a, b in zip(times, times[1:] + [ended_at])]
        must(max(gaps) <= 1.5, stat, "was not told for", max(gaps), "s")
        span = times[-1] - times[0]
        must(len(times) - 1 <= 5 * (span + 0.25), len(times), stat, "in", span, "s")
        return currents

    def end_input(self, limit):
        self.process.stdin.close()
        try:
            status = self.process.wait(limit)
        except subprocess.TimeoutExpired:
            raise Wrong(self.name + " does not end with its input")
        must(status == 0, self.name, "ended with status", status)

    def stop(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def told(self):
        self.log.seek(0)
        return self.log.read().decode("utf-8", "replace")


def make_file(path, size):
    block = bytearray(os.urandom(1 << 20))
    with open(path, "wb") as out:
        for at in range(0, size, len(block)):
            block[:8] = at.to_bytes(8, "big")
            out.write(block[: size - at])


def hash_of(path):
    digest = hashlib.sha256()
    with open(path, "rb") as opened:
        while piece := opened.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def ports_are_free(ip, udp_port, tcp_port):
    with socket.socket() as tcp:
        # Past connections may linger; a listener may not.
        tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tcp.bind((ip, tcp_port))
        tcp.listen()
    # Others listen on the port at any address, so that a bind says nothing here.
    octets = socket.inet_aton(ip)
    local = "%08X:%04X" % (int.from_bytes(octets, sys.byteorder), udp_port)
    with open("/proc/net/udp", encoding="ascii") as opened:
        must(local not in opened.read(), "the UDP port is still in use at", ip)


class Story:
    """What two people do, and what both of their front ends have to hear."""

    def __init__(self, args):
        self.args = args
        self.schema = Schema(args.schema)
        self.engines = []
        self.started = time.monotonic()
        self.path = os.path.join(args.folder, NAME)

    def tell(self, *words):
        print("%5.1f s " % (time.monotonic() - self.started), *words, flush=True)

    def engine(self, name, ip):
        engine = Engine(self.args, self.schema, name, ip)
        self.engines.append(engine)
        return engine

    def folder(self, name):
        path = os.path.join(self.args.folder, name)
        os.mkdir(path)
        return path

    def greet(self, ann, bob):
        ann.take("online", ip=bob.ip, username=bob.name)
        bob.take("online", ip=ann.ip, username=ann.name)
        self.tell("online")

    def message(self, a, b, text):
        a.command("cmsg", ip=b.ip, to=b.name, msg=text)
        a.take("smsg", person="you", content=text)
        b.take("rmsg", person=a.name, content=text)
        self.tell("message")

    def request(self, a, b):
        a.command("creq", ip=b.ip, dir=self.path)
        return self.requested(a, b)

    def requested(self, a, b):
        of = {"dir": self.path, "fileName": NAME, "fileType": "bin", "fileSize": str(self.args.size)}
        b.take("rreq", ip=a.ip, username=a.name, **of)
        a.take("sreq", ip=b.ip, username=b.name, **of)
        return of

    def reject(self, a, b, of):
        b.command("crej", ip=a.ip, dir=self.path)
        b.take("srej", ip=a.ip, username=a.name, **of)
        a.take("rrej", ip=b.ip, username=b.name, **of)
        self.tell("rejected")

    def accept(self, a, b, dest):
        of = self.request(a, b)
        del of["fileSize"]
        b.command("cacp", ip=a.ip, dir=self.path, dest=dest)
        port = b.take("sacp", ip=a.ip, username=a.name, destination=dest, **of)["port"]
        a.take("racp", ip=b.ip, username=b.name, port=port, **of)
        self.tell("accepted")
        return port

    def begin(self, a, b, name):
        """Accepts, and waits until both tell how far it is. Returns the port and where it goes."""
        while True:
            dest = self.folder("%s %d" % (name, self.args.size))
            port = self.accept(a, b, dest)
            seen = [b.sees_progress("rprg"), a.sees_progress("sprg")]
            if all(seen):
                return port, dest
            # On a fast machine it is over before anything is told.
            b.end_of_transfer()
            a.end_of_transfer()
            self.make(self.args.size * 2)

    def stop(self, a, b, port, killer, ask_again=False):
        """Returns how far it was."""
        killed_at = time.monotonic()
        killer.command("kprg", port=port)
        for engine, peer in ((a, b), (b, a)):
            end = engine.take("fprg", ip=peer.ip, username=peer.name, port=port, dir=self.path)
            late = end["at"] - killed_at
            must(late <= 1, engine.name, "tells fprg after", late, "s")
            engine.check_progress("rprg" if engine is b else "sprg", peer, self.args.size, end["at"])
            if engine is a and ask_again:
                a.command("creq", ip=b.ip, dir=self.path)
        current = int(end["current"])
        self.tell("stopped by", killer.name, "at", current)
        return current

    def finish(self, a, b, dest, before=None):
        """Accepts, and waits for all of it; `before`: what has to be there already."""
        port, size = self.accept(a, b, dest), self.args.size
        path = os.path.join(dest, NAME)
        b.take("info", content="saved", ip=a.ip, dir=self.path, path=path)
        for engine, peer, stat in ((b, a, "rprg"), (a, b, "sprg")):
            of = {"ip": peer.ip, "username": peer.name, "port": port}
            end = engine.take("dprg", total=str(size), current=str(size), **of)
            if before is not None:
                first = engine.check_progress(stat, peer, size, end["at"])[0]
                must(first > before, "it begins again:", stat, first, "after", before)
            engine.progress = []
        must(os.listdir(dest) == [NAME], "there is more:", os.listdir(dest))
        must(hash_of(path) == hash_of(self.path), "another file came")
        self.tell("done")

    def bad_commands(self, engine):
        lines = [b"no JSON", b"[]", b'{"stat":"cxyz"}', b'{"stat":"creq","ip":"127.0.0.1"}']
        lines += [b'{"stat":"kprg","port":9996}', b'{"stat":"kprg","port":"1"}', b"\xff"]
        for line in lines:
            engine.write(line)
        engine.write(b"")
        for _ in lines:
            engine.take("info", content="badCommand")
        self.tell("bad commands")

    def make(self, size):
        self.args.size = size
        make_file(self.path, size)

    def start(self):
        ann, bob = self.engine("ann", self.args.ip[0]), self.engine("bob", self.args.ip[1])
        self.make(self.args.size)
        for engine in (ann, bob):
            engine.take("info", content="ready")
        self.greet(ann, bob)
        return ann, bob

    def requests(self):
        """Whatever two engines have to say to each other while both are there."""
        ann, bob = self.start()
        self.message(ann, bob, 'h\u00e9 "bob"\n{}')
        self.reject(ann, bob, self.request(ann, bob))

        size = self.args.size
        # A small one first: an engine that has just started has more to do than it will have later.
        self.make(SMALL)
        self.finish(ann, bob, self.folder("small"))
        self.make(size)
        port, to = self.begin(ann, bob, "to")
        before = self.stop(ann, bob, port, bob)
        while before > self.args.size // 3:
            # On a fast machine nothing would be told of the rest.
            self.make(self.args.size * 2)
            port, to = self.begin(ann, bob, "to")
            before = self.stop(ann, bob, port, bob)
        must(NAME not in os.listdir(to), "a part has the name of the whole")
        self.bad_commands(bob)
        self.message(bob, ann, "still here")
        self.finish(ann, bob, to, before)

        port, to = self.begin(ann, bob, "by the sender")
        self.stop(ann, bob, port, ann, ask_again=True)
        self.reject(ann, bob, self.requested(ann, bob))
        must(NAME not in os.listdir(to), "a part has the name of the whole")

        for engine in (ann, bob):
            engine.quiet()
            engine.stop()

    def ends(self):
        """One leaves, and is started again; the other is killed."""
        ann, bob = self.start()
        ann.end_input(3)
        ports_are_free(ann.ip, self.args.udp_port, self.args.tcp_port)
        bob.take("offline", ip=ann.ip, username=ann.name)
        self.tell("offline")

        ann = self.engine(ann.name, ann.ip)
        ann.take("info", content="ready")
        self.greet(ann, bob)
        port, to = self.begin(ann, bob, "killed")
        bob.stop()
        ann.take("fprg", ip=bob.ip, username=bob.name, port=port, dir=self.path)
        must(NAME not in os.listdir(to), "a part has the name of the whole")
        self.tell("killed")
        ann.end_input(3)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--schema", required=True)
    parser.add_argument("--folder", required=True, help="an empty one for what is sent")
    parser.add_argument("--size", type=int, default=200_000_000)
    parser.add_argument("--ip", nargs=2, default=["127.0.0.2", "127.0.0.3"])
    parser.add_argument("--broadcast", default="127.255.255.255")
    parser.add_argument("--udp-port", type=int, default=9998)
    parser.add_argument("--tcp-port", type=int, default=9999)
    parser.add_argument("--story", choices=("requests", "ends"), required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER, help="-- and what starts an engine")
    args = parser.parse_args()
    args.command = args.command[1:] if args.command[:1] == ["--"] else args.command
    story = Story(args)
    try:
        getattr(story, args.story)()
    except (Wrong, OSError, ValueError) as wrong:
        for engine in story.engines:
            engine.stop()
            print("%s wrote:\n%s" % (engine.name, engine.told()), file=sys.stderr)
        print(wrong, file=sys.stderr)
        sys.exit(1)
    finally:
        for engine in story.engines:
            engine.stop()
    story.tell("all is right")


main()
