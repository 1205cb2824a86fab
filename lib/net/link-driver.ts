import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { MAX_MESSAGE_BYTES } from '../commands/framing.ts';
import { type Millis, type Port, parsePort } from '../core/brands.ts';
import { LineFramer } from '../core/line-framer.ts';
import { readSequenceNumber } from '../udp-reliable/segment.ts';
import { delay } from './clock.ts';

/** What becomes of a datagram: the copies that arrive, none if it is lost. */
export type Fate = readonly { readonly delay: Millis }[];

export interface LinkOptions {
  readonly serverPort: number;
  /** Decides about the n-th sending of a segment. */
  readonly fateOf: (seq: number, nth: number) => Fate;
  readonly onDropped: (seq: number, nth: number) => void;
}

/**
 * A path with faults between line peers on this machine: clients connect to it instead of the
 * server. It reads along, puts its own UDP port in place of the client's, and lets pass what
 * `fateOf` says.
 */
export class LinkDriver implements AsyncDisposable {
  readonly #options: LinkOptions;
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => this.#onClient(socket));
  readonly #sockets = new Set<Socket>();
  readonly #stop = new AbortController();

  private constructor(options: LinkOptions) {
    this.#options = options;
  }

  static async start(options: LinkOptions): Promise<LinkDriver> {
    const link = new LinkDriver(options);
    await new Promise<void>((resolve) => link.#server.listen(0, '127.0.0.1', resolve));
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stop.abort();
    for (const socket of this.#sockets) socket.destroy();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #onClient(client: Socket): void {
    const server = createConnection({
      host: '127.0.0.1',
      port: this.#options.serverPort,
      allowHalfOpen: true,
    });
    let path: UdpPath | undefined;
    let awaitsPort = false;
    const open = async (target: { client?: Port; server?: Port }): Promise<number> => {
      path?.close();
      path = await UdpPath.open(target, this.#options, this.#stop.signal);
      return path.port;
    };
    const toServer = async (line: string | undefined): Promise<void> => {
      if (line === undefined) {
        server.end();
        return;
      }
      const port = awaitsPort ? parsePort(line) : undefined;
      awaitsPort = false;
      server.write(`${port === undefined ? line : await open({ client: port })}\n`);
    };
    const toClient = async (line: string | undefined): Promise<void> => {
      if (line === undefined) {
        client.end();
        return;
      }
      awaitsPort ||= /^\|\d+$/.test(line);
      // In the fast profile it is the server that tells its port.
      const [, before, text = '', behind] = /^(\|\d+\|fast=1.*\|port=)(\d+)(.*)$/.exec(line) ?? [];
      const port = parsePort(text);
      const told =
        port === undefined ? line : `${before}${await open({ server: port })}${behind ?? ''}`;
      client.write(`${told}\n`);
    };
    // One message after the other, though opening a port takes a while.
    let turnToServer = Promise.resolve();
    let turnToClient = Promise.resolve();
    this.#readLines(client, (line) => {
      turnToServer = turnToServer.then(() => toServer(line));
    });
    this.#readLines(server, (line) => {
      turnToClient = turnToClient.then(() => toClient(line));
    });
    client.once('close', () => {
      path?.close();
      server.destroySoon();
    });
    server.once('close', () => client.destroySoon());
  }

  /** Calls `onLine` for each line, and with `undefined` at the end. */
  #readLines(from: Socket, onLine: (line: string | undefined) => void): void {
    const framer = new LineFramer(MAX_MESSAGE_BYTES, { cutNumbers: true });
    this.#sockets.add(from);
    from.on('data', (chunk) => {
      for (const line of framer.push(chunk)) onLine(line);
    });
    from.on('error', () => undefined);
    from.on('end', () => onLine(undefined));
    from.on('close', () => this.#sockets.delete(from));
  }
}

/** The way of the datagrams of one download: the server's suffer, the client's pass. */
class UdpPath {
  readonly #socket: UdpSocket;
  readonly #options: LinkOptions;
  readonly #stop: AbortSignal;
  /** Whoever of them is not known yet speaks first. */
  #client: number | undefined;
  #server: number | undefined;
  readonly #sendings = new Map<number, number>();

  private constructor(socket: UdpSocket, options: LinkOptions, stop: AbortSignal) {
    this.#socket = socket;
    this.#options = options;
    this.#stop = stop;
  }

  static async open(
    { client, server }: { readonly client?: Port; readonly server?: Port },
    options: LinkOptions,
    stop: AbortSignal,
  ): Promise<UdpPath> {
    const socket = createSocket('udp4');
    await new Promise<void>((resolve) => socket.bind(0, '127.0.0.1', resolve));
    const path = new UdpPath(socket, options, stop);
    path.#client = client;
    path.#server = server;
    socket.on('error', () => undefined);
    socket.on('message', (datagram, from) => path.#onDatagram(datagram, from.port));
    return path;
  }

  get port(): number {
    return this.#socket.address().port;
  }

  close(): void {
    try {
      this.#socket.close();
    } catch {
      // It was closed before.
    }
  }

  #onDatagram(datagram: Buffer, from: number): void {
    if (this.#client === undefined && from !== this.#server) this.#client = from;
    if (this.#server === undefined && from !== this.#client) this.#server = from;
    if (from === this.#server) this.#pass(datagram);
    else if (this.#server !== undefined) this.#send(datagram, this.#server);
  }

  #pass(datagram: Buffer): void {
    const { fateOf, onDropped } = this.#options;
    const seq = readSequenceNumber(datagram);
    const nth = (this.#sendings.get(seq) ?? 0) + 1;
    this.#sendings.set(seq, nth);
    const fate = fateOf(seq, nth);
    if (fate.length === 0) onDropped(seq, nth);
    for (const copy of fate) {
      const send = (): void => this.#send(datagram, this.#client ?? 0);
      if (copy.delay === 0) send();
      else void delay(copy.delay, this.#stop).then(send);
    }
  }

  #send(datagram: Buffer, port: number): void {
    try {
      this.#socket.send(datagram, port, '127.0.0.1');
    } catch {
      // The download has ended while the datagram was on its way.
    }
  }
}
