import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { until } from './waiting.ts';

/** An address of this machine that is not the usual one, where there is such a one. */
export const OTHER_ADDRESS = process.platform === 'linux' ? '127.0.0.2' : '127.0.0.1';

export interface RawPeerOptions {
  /** False: it never reads. */
  readonly reading?: boolean;
}

/** A TCP connection that shows each read of its own; it never ends unless it is told to. */
export class RawPeer implements Disposable {
  /** Every read, and when it came. */
  readonly reads: { readonly at: number; readonly text: string }[] = [];
  readonly socket: Socket;
  #ended = false;
  #closed = false;

  private constructor(socket: Socket, reading: boolean) {
    this.socket = socket;
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('end', () => {
      this.#ended = true;
    });
    socket.on('close', () => {
      this.#closed = true;
    });
    if (!reading) return;
    socket.on('data', (chunk: Buffer) => {
      this.reads.push({ at: performance.now(), text: chunk.toString() });
    });
  }

  static async open(port: number, options: RawPeerOptions = {}): Promise<RawPeer> {
    const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
    await once(socket, 'connect');
    return new RawPeer(socket, options.reading ?? true);
  }

  /** Everything that came. */
  get text(): string {
    return this.reads.map((read) => read.text).join('');
  }

  /** The lines that are complete. */
  get lines(): string[] {
    return this.text.split('\n').slice(0, -1);
  }

  /** Whether the server has ended its side. */
  get ended(): boolean {
    return this.#ended || this.#closed;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Resolves when the system has taken all of it. */
  write(bytes: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => this.socket.write(bytes, () => resolve()));
  }

  async untilText(text: string): Promise<void> {
    await until(`${JSON.stringify(text)} in ${JSON.stringify(this.text.slice(0, 500))}`, () =>
      this.text.includes(text),
    );
  }

  async untilLine(line: string): Promise<void> {
    await until(`the line ${line}`, () => this.lines.includes(line));
  }

  async untilEnded(): Promise<void> {
    await until('the end of the connection', () => this.ended);
  }

  /** Cuts the connection. */
  destroy(): void {
    this.socket.destroy();
  }

  [Symbol.dispose](): void {
    this.destroy();
  }
}

/** A UDP socket that keeps what comes. */
export class Ear implements Disposable {
  readonly datagrams: Buffer[] = [];
  /** The port that the last datagram came from. */
  serverPort = 0;
  readonly #socket: UdpSocket;

  private constructor(socket: UdpSocket) {
    this.#socket = socket;
    socket.on('error', () => undefined);
    socket.on('message', (datagram, from) => {
      this.datagrams.push(datagram);
      this.serverPort = from.port;
    });
  }

  static async open(address = '127.0.0.1'): Promise<Ear> {
    const socket = createSocket('udp4');
    socket.bind(0, address);
    await once(socket, 'listening');
    return new Ear(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  /** The numbers of the datagrams, in order of arrival. */
  get seqs(): number[] {
    return this.datagrams.map((datagram) => datagram.readUInt32BE(0));
  }

  /** How often segment `seq` came. */
  timesOf(seq: number): number {
    return this.seqs.filter((one) => one === seq).length;
  }

  /** Waits until all segments from 0 to `end` - 1 have come at least once. */
  async untilAllBelow(end: number): Promise<void> {
    await until(`segments 0 to ${end - 1}`, () => {
      const come = new Set(this.seqs);
      return Array.from({ length: end }, (_, seq) => seq).every((seq) => come.has(seq));
    });
  }

  /** Sends to a port of this machine; resolves when the system has taken it. */
  send(bytes: string | Uint8Array, port: number): Promise<void> {
    return new Promise((resolve) => this.#socket.send(bytes, port, '127.0.0.1', () => resolve()));
  }

  [Symbol.dispose](): void {
    this.#socket.close();
  }
}
