import type { Socket as UdpSocket } from 'node:dgram';
import type { Socket } from 'node:net';
import type { Address } from '../capture/address.ts';
import type { Direction } from '../capture/pcapng.ts';
import type { Recorder, TcpRecord } from '../capture/recorder.ts';
import { systemCode } from '../core/errors.ts';
import { isIPv4, ownAddressFor, plainAddress } from './addresses.ts';

/** Records what all sockets of this process carry, from when they are opened. */
let recorder: Recorder | undefined;
const records = new WeakMap<Socket, TcpRecord>();

/** From now on sockets that are opened are recorded; `undefined`: no more. */
export function recordTo(next: Recorder | undefined): void {
  recorder = next;
}

/** Whether it is worth saying what is known of a packet. */
export function isRecorded(): boolean {
  return recorder !== undefined;
}

/** The number of the packet that was recorded last; 0 when nothing is recorded. */
export function lastFrame(): number {
  return recorder?.frames ?? 0;
}

/** What is known of the next bytes that go out on a connection. */
export function explainNext(socket: Socket, text: string): void {
  records.get(socket)?.explainNext(text);
}

/** What is known of the datagram that has just come or gone. */
export function explainDatagram(text: string): void {
  recorder?.explain(text);
}

/** A datagram that a path has lost which this program plays: it is recorded with what became of it, and not sent. */
export function recordLost(socket: UdpSocket, datagram: Buffer, to: Address, why: string): void {
  recorder?.udp('out', localEnd(socket, to.address), plain(to), datagram);
  recorder?.explain(why);
}

/**
 * To be called for every connection, before anything is read or written. What comes is seen when Node.js
 * hands it to the stream (`push`), what goes when the stream hands it to the system (`_write`): listeners
 * would change whether it flows.
 * @param by who has opened it: `out` is this program.
 */
export function tapTcp(socket: Socket, by: Direction): void {
  const { localAddress, localPort, remoteAddress, remotePort } = socket;
  if (recorder === undefined || localAddress === undefined || remoteAddress === undefined) return;
  const record = recorder.tcp(
    { address: plainAddress(localAddress), port: localPort ?? 0 },
    { address: plainAddress(remoteAddress), port: remotePort ?? 0 },
    by,
  );
  records.set(socket, record);
  const { push, _write, _writev, _final, resetAndDestroy } = socket;
  let resetBy: Direction | undefined;
  socket.push = (chunk: Buffer | null, ...rest) => {
    if (chunk === null) record.end('in');
    else record.data('in', chunk);
    return push.call(socket, chunk, ...rest);
  };
  socket._write = (chunk: Buffer | string, encoding, done) => {
    record.data('out', bytesOf(chunk, encoding));
    _write.call(socket, chunk, encoding, done);
  };
  socket._writev = (chunks, done) => {
    for (const { chunk, encoding } of chunks) record.data('out', bytesOf(chunk, encoding));
    _writev?.call(socket, chunks, done);
  };
  socket._final = (done) => {
    record.end('out');
    _final.call(socket, done);
  };
  socket.resetAndDestroy = () => {
    resetBy ??= 'out';
    return resetAndDestroy.call(socket);
  };
  socket.on('error', (error) => {
    if (systemCode(error) === 'ECONNRESET') resetBy ??= 'in';
  });
  socket.once('close', () => record.closed(resetBy));
}

/**
 * To be called for every UDP socket, before others listen for messages.
 * @param broadcast where datagrams go that come to a socket for all addresses.
 */
export function tapUdp(socket: UdpSocket, broadcast?: string): void {
  const tapped = recorder;
  if (tapped === undefined) return;
  const { send } = socket;
  let remote: Address | undefined;
  socket.on('connect', () => {
    remote = socket.remoteAddress();
  });
  socket.on('message', (datagram, from) => {
    tapped.udp('in', localEnd(socket, from.address, broadcast), plain(from), datagram);
  });
  // Of its many forms, those that are used here.
  socket.send = ((bytes: Buffer, ...rest: unknown[]) => {
    const [offset, length] = rest;
    const isPart = typeof offset === 'number' && typeof length === 'number';
    const [port, address] = isPart ? rest.slice(2) : rest;
    const target =
      typeof port === 'number' && typeof address === 'string' ? { port, address } : remote;
    if (target !== undefined) {
      const payload = isPart ? bytes.subarray(offset, offset + length) : bytes;
      tapped.udp('out', localEnd(socket, target.address), plain(target), payload);
    }
    (send as (...all: unknown[]) => void).call(socket, bytes, ...rest);
  }) as typeof send;
}

const locals = new WeakMap<UdpSocket, Map<string, Address>>();
/** Peers whose side of a socket is remembered. */
const MAX_REMEMBERED = 1024;

/** Where a socket is, for somebody at `peer`; the system does not say it of one for all addresses. */
function localEnd(socket: UdpSocket, peer: string, broadcast?: string): Address {
  const known = locals.get(socket) ?? new Map<string, Address>();
  locals.set(socket, known);
  const found = known.get(peer);
  if (found !== undefined) return found;
  const { address, port } = socket.address();
  const isAnywhere = address === '0.0.0.0' || address === '::';
  const own = broadcast ?? (isIPv4(peer) ? ownAddressFor(peer) : undefined) ?? address;
  const local = { address: isAnywhere ? own : plainAddress(address), port };
  if (known.size >= MAX_REMEMBERED) known.clear();
  known.set(peer, local);
  return local;
}

function plain({ address, port }: Address): Address {
  return address.startsWith(':') ? { address: plainAddress(address), port } : { address, port };
}

function bytesOf(chunk: Buffer | string, encoding: string): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, encoding as BufferEncoding) : chunk;
}
