/** Servers that take a connection, or not even that, and say nothing. */
import { EventEmitter, once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { setImmediate as turn } from 'node:timers/promises';
import { Program } from './programs.ts';

/** It reads, and answers only what a test says. */
export class SilentServer implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #heard = '';
  readonly #news = new EventEmitter();

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => {
      this.#sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        this.#heard += chunk.toString();
        this.#news.emit('heard');
      });
    });
  }

  static async start(): Promise<SilentServer> {
    const server = createServer();
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SilentServer(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Waits until the clients have said that. */
  async hears(pattern: RegExp): Promise<void> {
    while (!pattern.test(this.#heard)) await once(this.#news, 'heard');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

/** Listens, tells its port, and never takes a connection. */
const DEAF = `
  const server = require('node:net').createServer();
  server.listen({ port: 0, host: '127.0.0.1', backlog: 1 }, () => {
    require('node:fs').writeSync(1, server.address().port + '\\n');
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });`;
/** Those who fill the queue of a server come from here, to be told from others. */
const FILLERS = { address: '127.0.0.77', inTable: '4D00007F:' };
const SYN_SENT = '02';

/** A server whose queue is full: Linux then leaves a TCP handshake without an answer. */
export class DeafServer implements AsyncDisposable {
  readonly port: number;
  readonly #program: Program;
  readonly #fillers: readonly Socket[];

  private constructor(program: Program, port: number) {
    this.#program = program;
    this.port = port;
    this.#fillers = Array.from({ length: 8 }, () => {
      const filler = connect({ port, host: '127.0.0.1', localAddress: FILLERS.address });
      return filler.on('error', () => undefined);
    });
  }

  /** `undefined` where handshakes cannot be left without an answer, or not be watched. */
  static async start(): Promise<DeafServer | undefined> {
    if (process.platform !== 'linux') return undefined;
    const program = new Program(process.execPath, ['-e', DEAF]);
    const [, port] = await program.waitFor(/^(\d+)\n/);
    const server = new DeafServer(program, Number(port));
    while (!(await server.#isKnocked((from) => from.startsWith(FILLERS.inTable)))) await turn();
    return server;
  }

  /** Resolves when somebody waits for the answer to his handshake. */
  async isKnocked(): Promise<void> {
    while (!(await this.#isKnocked((from) => !from.startsWith(FILLERS.inTable)))) await turn();
  }

  async #isKnocked(isMeant: (from: string) => boolean): Promise<boolean> {
    const port = `:${this.port.toString(16).toUpperCase().padStart(4, '0')}`;
    const lines = (await readFile('/proc/net/tcp', 'utf8')).split('\n');
    return lines.some((line) => {
      const [, from = '', to = '', state] = line.trim().split(/\s+/);
      return to.endsWith(port) && state === SYN_SENT && isMeant(from);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const filler of this.#fillers) filler.destroy();
    await this.#program[Symbol.asyncDispose]();
  }
}
