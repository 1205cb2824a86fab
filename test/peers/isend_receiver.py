"""A receiver written from the document alone: it reads in order and answers in order.

isend_receiver.py FOLDER [PASSWORD]   prints the port, then a line for each thing that came.
A file or folder of the name "skip" is not wanted.
"""
import os
import socket
import struct
import sys

folder = sys.argv[1]
password = sys.argv[2] if len(sys.argv) > 2 else None
server = socket.create_server(('127.0.0.1', 0))
print(server.getsockname()[1])
sock, _ = server.accept()
sock.settimeout(20)


def read(count):
    data = b''
    while len(data) < count:
        chunk = sock.recv(count - len(data))
        if not chunk:
            print('closed')
            sys.exit(1)
        data += chunk
    return data


def reply(request_id, code, text=''):
    content = text.encode()
    sock.sendall(struct.pack('>HBBH', request_id, code, 1 if content else 0, len(content)) + content)


path = [folder]
out = None
while True:
    request_id, code, has_content, length = struct.unpack('>HBBH', read(6))
    if has_content:
        reply(request_id, 110)
        content = read(length)
    if code == 0:
        if password is not None:
            reply(request_id, 102, 'a password is needed')
            sys.exit(0)
        reply(request_id, 101)
    elif code == 1:
        right = password is None or content.decode() == password
        reply(request_id, 101 if right else 102)
        if not right:
            sys.exit(0)
    elif code == 10:
        if content == b'skip':
            reply(request_id, 120)
            continue
        out = open(os.path.join(*path, content.decode()), 'wb')
        reply(request_id, 110)
    elif code == 11:
        out.write(content)
        reply(request_id, 110)
    elif code == 12:
        print('file', out.name, out.tell())
        out.close()
        reply(request_id, 110)
    elif code == 20:
        if content == b'skip':
            reply(request_id, 121)
            continue
        path.append(content.decode())
        os.mkdir(os.path.join(*path))
        reply(request_id, 110)
    elif code == 21:
        path.pop()
        reply(request_id, 110)
    elif code == 30:
        print('message', content.decode())
        reply(request_id, 110)
    else:
        reply(request_id, 110)
        print('end')
        sys.exit(0)
