import { createHash, timingSafeEqual } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { Duplex } from 'node:stream';
import { type WebSocket, WebSocketServer } from 'ws';
import { isRecorded, tapTcp } from './tap.ts';

/** Front ends at a time, over all channels. */
const MAX_SOCKETS = 64;
/** One that leaves so much unread is cut off. */
const MAX_UNREAD_BYTES = 4_194_304;
/** How long they have to take the goodbye. */
const FAREWELL_MS = 500;

export interface FrontEndSocketsOptions<Channel extends string> {
  readonly host: string;
  readonly port: number;
  /** The paths; anything else is not found. */
  readonly channels: readonly Channel[];
  /** Whoever has it may come in: `?token=…`. */
  readonly token: string;
  /** Pages that may come in besides those of this machine. */
  readonly origins: readonly string[];
  readonly maxBytes: number;
  readonly onOpen: (channel: Channel, send: (text: string) => void) => void;
  readonly onMessage: (channel: Channel, text: string) => void;
}

/** WebSockets for front ends in a browser on this machine (RFC 6455). */
export class FrontEndSockets<Channel extends string> {
  readonly #options: FrontEndSocketsOptions<Channel>;
  readonly #server: Server;
  readonly #sockets: WebSocketServer;
  readonly #open = new Map<WebSocket, Channel>();

  private constructor(options: FrontEndSocketsOptions<Channel>, server: Server) {
    this.#options = options;
    this.#server = server;
    this.#sockets = new WebSocketServer({ noServer: true, maxPayload: options.maxBytes });
    server.on('upgrade', (request, socket, head) => this.#onUpgrade(request, socket, head));
  }

  /** @throws Error when the port cannot be listened on. */
  static async open<Channel extends string>(
    options: FrontEndSocketsOptions<Channel>,
  ): Promise<FrontEndSockets<Channel>> {
    const server = createServer((_, response) => response.writeHead(426).end());
    server.on('connection', (socket) => {
      tapTcp(socket, 'in');
      // Without a listener Node.js reads requests past the stream, where nobody sees them.
      if (isRecorded()) socket.on('data', () => undefined);
    });
    const sockets = new FrontEndSockets(options, server);
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: options.host, port: options.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
    return sockets;
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' ? (address?.port ?? 0) : 0;
  }

  /** To everybody on these channels. */
  send(channels: readonly Channel[], text: string): void {
    for (const [socket, channel] of this.#open) {
      if (!channels.includes(channel)) continue;
      if (socket.bufferedAmount > MAX_UNREAD_BYTES) socket.terminate();
      else socket.send(text);
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#open.keys()) socket.close(1001);
    this.#sockets.close();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    const farewell = setTimeout(() => {
      for (const socket of this.#open.keys()) socket.terminate();
      this.#server.closeAllConnections();
    }, FAREWELL_MS);
    await closed;
    clearTimeout(farewell);
  }

  #onUpgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => undefined);
    const base = 'ws://localhost';
    const isUrl = URL.canParse(request.url ?? '', base);
    const url = new URL(isUrl ? (request.url ?? '') : base, base);
    const channel = this.#options.channels.find((one) => one === url.pathname);
    const refusal = isUrl ? this.#refusal(request, url, channel) : '400 Bad Request';
    if (refusal !== undefined || channel === undefined) {
      socket.end(`HTTP/1.1 ${refusal}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
      // Whoever was refused must not hold the port.
      socket.once('finish', () => socket.destroy());
      return;
    }
    this.#sockets.handleUpgrade(request, socket, head, (opened) => this.#onOpen(opened, channel));
  }

  #refusal(request: IncomingMessage, url: URL, channel: Channel | undefined): string | undefined {
    const { origin } = request.headers;
    if (origin !== undefined && !this.#isOurs(origin)) return '403 Forbidden';
    if (!isEqual(url.searchParams.get('token') ?? '', this.#options.token))
      return '401 Unauthorized';
    if (channel === undefined) return '404 Not Found';
    return this.#open.size >= MAX_SOCKETS ? '503 Service Unavailable' : undefined;
  }

  /** Pages from elsewhere can connect to this machine, too: the browser says whose page it is. */
  #isOurs(origin: string): boolean {
    if (this.#options.origins.includes(origin)) return true;
    if (!URL.canParse(origin)) return false;
    return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(origin).hostname);
  }

  #onOpen(socket: WebSocket, channel: Channel): void {
    this.#open.set(socket, channel);
    socket.on('error', () => undefined);
    socket.once('close', () => this.#open.delete(socket));
    socket.on('message', (data) => this.#options.onMessage(channel, String(data)));
    this.#options.onOpen(channel, (text) => socket.send(text));
  }
}

/** Takes as long for any token. */
function isEqual(one: string, other: string): boolean {
  return timingSafeEqual(digest(one), digest(other));
}

function digest(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
