/**
 * A classroom server for tests, and the message and datagram forms that the reference client
 * shares. Written from the protocol's document alone; nothing here comes from the implementation
 * under test.
 */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { loopTurns } from '../net/waiting.ts';

/** How a peer ends a message: with LF, or not at all ("TCP messages", framing). */
export type Framing = 'line' | 'bare';

/** How a datagram shows its number: 4 bytes ("Download" 3) or ASCII ("as-written dialect"). */
export type NumberForm = 'binary' | 'decimal';

/** Bytes of the file in a full datagram ("Download" 1). */
export const PART_BYTES = 2043;

/** What a bare peer leaves between two messages: more than the 50 ms that separate them. */
export const BARE_GAP_MS = 60;

/** One message as it goes on the wire ("TCP messages", framing). */
export function encodeMessage(text: string, framing: Framing): Buffer {
  return Buffer.from(framing === 'line' ? `${text}\n` : text, 'utf8');
}

/** Cuts what arrives into messages; for a bare peer each chunk is one ("TCP messages"). */
export function messageReader(framing: Framing): (chunk: Buffer) => string[] {
  if (framing === 'bare') return (chunk) => [chunk.toString('utf8')];
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const end = rest.lastIndexOf(10);
    if (end < 0) return [];
    const lines = rest.toString('utf8', 0, end).split('\n');
    rest = rest.subarray(end + 1);
    return lines.map((line) => line.replace(/\r$/, ''));
  };
}

/** One part of a file as a datagram ("Download" 3 and "as-written dialect"). */
export function encodeDatagram(seq: number, data: Buffer, form: NumberForm = 'binary'): Buffer {
  if (form === 'decimal') return Buffer.concat([Buffer.from(`${seq}:`, 'latin1'), data]);
  const header = Buffer.alloc(5, ':');
  header.writeUInt32BE(seq);
  return Buffer.concat([header, data]);
}

/** What a running download does with a message, and at its end. */
interface Run {
  handle(text: string): void;
  end(): void;
}

/** One client's connection, also as a hook sees it ("TCP messages", session). */
export class ReferencePeer {
  readonly #socket: Socket;
  readonly #framing: Framing;
  readonly address: string;
  /** The name that it is online with. */
  name?: string;
  download?: Run;
  #queue: Promise<void> = Promise.resolve();
  #lastSend = 0;

  constructor(socket: Socket, framing: Framing) {
    this.#socket = socket;
    this.#framing = framing;
    this.address = socket.remoteAddress ?? '';
  }

  /** Sends a message in the server's framing; to a bare peer with silence before it. */
  send(text: string): void {
    this.#queue = this.#queue.then(async () => {
      const wait = this.#lastSend + BARE_GAP_MS - Date.now();
      if (this.#framing === 'bare' && wait > 0) await delay(wait);
      // A client in this process reads what was sent before, even if both were held up for long.
      if (this.#framing === 'bare') await loopTurns();
      this.sendBytes(encodeMessage(text, this.#framing));
    });
  }

  /** Writes bytes as they are, at once. */
  sendBytes(bytes: Uint8Array): void {
    this.#lastSend = Date.now();
    if (this.#socket.writable) this.#socket.write(bytes);
  }

  /** Closes once everything said so far is on its way. */
  end(): void {
    this.#queue = this.#queue.then(() => {
      this.#socket.end();
    });
  }
}

/** Where a test may make the server misbehave. */
export interface ReferenceServerHooks {
  /** Sees each message first; true: the hook dealt with it, the server does nothing more. */
  message?: (text: string, peer: ReferencePeer) => boolean;
  /** What goes out in place of a datagram (none, several, changed); after `drop`. */
  datagram?: (datagram: Buffer, seq: number, nth: number) => readonly Buffer[];
}

/** What `startReferenceServer` takes. */
export interface ReferenceServerOptions {
  files: Map<string, Buffer>;
  framing: Framing;
  /** True: this datagram is not sent. `nth` is 1 for the first time in its download. */
  drop?: (seq: number, nth: number) => boolean;
  hooks?: ReferenceServerHooks;
}

/** A running server; `received` has every message of every client in order of arrival. */
export interface ReferenceServer {
  port: number;
  received: readonly string[];
  close(): Promise<void>;
}

/** "How the download works", from the answer `|N` to its end. */
function startDownload(peer: ReferencePeer, file: Buffer, options: ReferenceServerOptions): Run {
  const { drop, hooks } = options;
  const count = Math.ceil(file.length / PART_BYTES);
  const half = Math.floor(count / 2);
  const seen = new Map<number, number>();
  let udp: UdpSocket | undefined;
  let port = 0;
  let form: NumberForm = 'binary';
  let held = count >= 2;
  let over = false;
  let release = (): void => undefined;
  const released = new Promise<void>((resolve) => (release = resolve));
  const end = (text?: string): void => {
    over = true;
    release();
    delete peer.download;
    udp?.close();
    udp = undefined;
    if (text !== undefined) peer.send(text);
  };

  const sendParts = async (numbers: number[]): Promise<void> => {
    for (const [index, seq] of numbers.entries()) {
      if (over) return;
      const nth = (seen.get(seq) ?? 0) + 1;
      seen.set(seq, nth);
      const data = file.subarray(seq * PART_BYTES, (seq + 1) * PART_BYTES);
      const datagram = encodeDatagram(seq, data, form);
      const lost = drop?.(seq, nth) === true;
      const all = lost ? [] : (hooks?.datagram?.(datagram, seq, nth) ?? [datagram]);
      for (const one of all) udp?.send(one, port, peer.address);
      // A short rest keeps the receiver's socket buffer from running over.
      if (index % 16 === 15) await delay(1);
    }
  };
  const sendAll = async (): Promise<void> => {
    const numbers = Array.from({ length: count }, (_, seq) => seq);
    await sendParts(numbers.slice(0, half));
    await released;
    await sendParts(numbers.slice(half));
  };

  const open = (text: string): void => {
    const match = /^(?:([^|]+)\|)?(\d{1,5})$/.exec(text);
    const ip = match?.[1];
    port = Number(match?.[2] ?? 0);
    if (port < 1 || port > 65_535 || (ip !== undefined && ip !== peer.address)) {
      end("Can't download. Wrong address");
    } else if (ip !== undefined && count > 10_000) {
      end("Can't download. File too large for this client");
    } else {
      form = ip === undefined ? 'binary' : 'decimal';
      udp = createSocket('udp4');
      // The client's socket may be gone; the TCP connection tells, so nothing is done here.
      udp.on('error', () => undefined);
      void sendAll();
    }
  };

  const handle = (text: string): void => {
    if (text === 'proceed') {
      held = false;
      release();
    } else if (text === 'stop' && !held) {
      const last = file.at(-1) ?? 'none';
      end(`User ${peer.name ?? ''} downloaded 100% out of file. Last byte is: ${last}`);
    } else if (udp === undefined) {
      open(text);
    } else if (/^\d/.test(text)) {
      const numbers = text
        .split(/\s+/)
        .filter((word) => /^\d+$/.test(word))
        .map(Number);
      void sendParts(numbers.filter((seq) => seq < (held ? half : count)));
    } else if (held) {
      end('download stopped');
    }
  };

  if (!held) release();
  peer.send(`|${count}`);
  return { handle, end };
}

const NAME_IS_ILLEGAL = /^$|^\s|\s$|[|\p{Cc}]/u;

/** Starts a server on a free loopback port ("About the server program", "TCP messages"). */
export async function startReferenceServer(
  options: ReferenceServerOptions,
): Promise<ReferenceServer> {
  const { files, framing, hooks } = options;
  const received: string[] = [];
  const sockets = new Set<Socket>();
  const online = new Map<string, ReferencePeer>();
  const toAll = (text: string): void => {
    for (const peer of online.values()) peer.send(text);
  };

  const logIn = (peer: ReferencePeer, name: string): void => {
    if (peer.name !== undefined) peer.send("can't connect. Already connected");
    else if (NAME_IS_ILLEGAL.test(name) || Buffer.byteLength(name) > 64) {
      peer.send("can't connect. Name is illegal. Try another");
    } else if (online.has(name)) peer.send("can't connect. Name is taken. Try another");
    else {
      peer.name = name;
      online.set(name, peer);
      toAll(`${name} is connected`);
      peer.send('connected');
    }
  };

  const logOut = (peer: ReferencePeer): void => {
    peer.download?.end();
    if (peer.name === undefined || online.get(peer.name) !== peer) return;
    online.delete(peer.name);
    toAll(`${peer.name} is disconnected`);
  };

  const handle = (peer: ReferencePeer, text: string): void => {
    const bar = text.indexOf('|');
    const [word, rest] = [text.slice(0, bar + 1), text.slice(bar + 1)];
    const list = (names: Iterable<string>): string => [...names].join(', ');
    if (text === 'get_users') peer.send(`users: [${list(online.keys())}]`);
    else if (text === 'get_list_file') peer.send(`files: [${list([...files.keys()].sort())}]`);
    else if (text === 'disconnect') {
      peer.send('disconnected');
      peer.end();
      logOut(peer);
    } else if (word === 'connect|') logIn(peer, rest);
    else if (peer.name === undefined) {
      const what = word === 'download|' ? 'download' : 'send message';
      peer.send(`Can't ${what}. Need to log in first`);
    } else if (word === 'msg_all|') toAll(`${peer.name} (to all): ${rest}`);
    else if (word === 'msg|') {
      const split = rest.lastIndexOf('|');
      const target = rest.slice(split + 1);
      const other = online.get(target);
      if (other === undefined) peer.send(`Can't send message. ${target} is not online`);
      else other.send(`${peer.name}: ${rest.slice(0, Math.max(split, 0))}`);
    } else if (word === 'download|') {
      const file = files.get(rest);
      if (peer.download) peer.send("Can't download. Another download is running");
      else if (file === undefined) peer.send("Can't download. File not found");
      else peer.download = startDownload(peer, file, options);
    } else if (peer.download) peer.download.handle(text);
    else peer.send(`Unknown command: ${text.slice(0, 40)}`);
  };

  const server = createServer((socket) => {
    const peer = new ReferencePeer(socket, framing);
    const split = messageReader(framing);
    sockets.add(socket);
    socket.setNoDelay(true);
    // A reset is one more way to end; 'close' follows it.
    socket.on('error', () => undefined);
    socket.on('close', () => {
      sockets.delete(socket);
      logOut(peer);
    });
    socket.on('data', (chunk: Buffer) => {
      for (const text of split(chunk)) {
        received.push(text);
        if (hooks?.message?.(text, peer) !== true) handle(peer, text);
      }
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    received,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
