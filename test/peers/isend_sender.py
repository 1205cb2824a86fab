"""A sender written from the document alone: stop and wait, two replies for what has content.

isend_sender.py HOST PORT PASSWORD|- THING...
A thing is file:NAME=CONTENT, folder:NAME, up, or message:TEXT. Prints what each was answered.
"""
import socket
import struct
import sys

host, port, password, *things = sys.argv[1:]
sock = socket.create_connection((host, int(port)), timeout=20)
request_id = 0


def read(count):
    data = b''
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            print('closed')
            sys.exit(1)
        data += chunk
    return data


def reply():
    answered, code, has_content, length = struct.unpack('>HBBH', read(6))
    assert answered == request_id, (answered, request_id)
    assert has_content == (1 if length else 0)
    text = read(length).decode()
    return code, text


def ask(code, content=None):
    """Returns the last reply to the request."""
    global request_id
    length = 0 if content is None else len(content)
    sock.sendall(struct.pack('>HBBH', request_id, code, 0 if content is None else 1, length))
    answer = reply()
    if content is not None and answer[0] == 110:
        sock.sendall(content)
        answer = reply()
    print(code, *answer)
    request_id = request_id % 65535 + 1
    return answer[0]


if ask(0) if password == '-' else ask(1, password.encode()):
    pass
for thing in things:
    kind, _, rest = thing.partition(':')
    if kind == 'file':
        name, _, content = rest.partition('=')
        data = content.encode() * (1000 if name.startswith('long') else 1)
        if ask(10, name.encode()) == 120:
            continue
        for at in range(0, len(data), 65535):
            ask(11, data[at:at + 65535])
        ask(12)
    elif kind == 'folder':
        ask(20, rest.encode())
    elif kind == 'up':
        ask(21)
    else:
        ask(30, rest.encode())
# The document's own program says 100 at the end.
ask(100)
