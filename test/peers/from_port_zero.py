#!/usr/bin/env python3
"""Sends one datagram from UDP port 0, which no socket can have: HOST PORT HEX. Needs a raw socket."""
import socket
import struct
import sys

host, port, payload = sys.argv[1], int(sys.argv[2]), bytes.fromhex(sys.argv[3])
with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_UDP) as raw:
    raw.sendto(struct.pack('>HHHH', 0, port, 8 + len(payload), 0) + payload, (host, 0))
