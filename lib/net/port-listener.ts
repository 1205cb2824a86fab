import { type AddressInfo, createServer, type Server, type Socket } from 'node:net';
import { systemCode } from '../core/errors.ts';
import { tapTcp } from './tap.ts';

/** How long a client that is turned away may take to read why. */
const FAREWELL_MS = 1000;

export interface PortListenerOptions {
  /** All addresses of both families when absent. */
  readonly host: string | undefined;
  /** 0 is a port that the system chooses. */
  readonly port: number;
  readonly maxConnections: number;
  readonly onConnection: (socket: Socket) => void;
  /** One more than there may be; returns what it is told before it is closed. */
  readonly onFull: (socket: Socket) => string | Uint8Array;
  readonly onError: (error: Error) => void;
}

/** One TCP port, with a bound on the connections at a time. */
export class PortListener {
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
  }

  /** @throws Error whose message says why this port cannot be listened on. */
  static async open(options: PortListenerOptions): Promise<PortListener> {
    const server = createServer({ allowHalfOpen: true });
    let connections = 0;
    server.on('connection', (socket) => {
      tapTcp(socket, 'in');
      // Counted here and not by `maxConnections` of Node.js, which closes without a word.
      if (connections >= options.maxConnections) {
        turnAway(socket, options.onFull(socket));
        return;
      }
      connections += 1;
      socket.once('close', () => {
        connections -= 1;
      });
      options.onConnection(socket);
    });
    try {
      await listen(server, options);
    } catch (error) {
      throw new Error(describeListenError(error));
    }
    server.on('error', options.onError);
    return new PortListener(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Takes no more connections; resolves when all that there are have ended. */
  close(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

function listen(server: Server, { host, port }: PortListenerOptions): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ port, ...(host !== undefined && { host }) }, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Says `text`, and closes. */
export function turnAway(socket: Socket, text: string | Uint8Array): void {
  socket.on('error', () => undefined);
  socket.end(text);
  // What it may have sent is read away, so that the answer is not lost in a reset.
  socket.resume();
  const farewell = setTimeout(() => socket.destroy(), FAREWELL_MS);
  socket.once('close', () => clearTimeout(farewell));
}

function describeListenError(error: unknown): string {
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return 'another program has it';
    case 'EACCES':
      return 'not allowed';
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return 'this machine does not have that address';
    default:
      return error instanceof Error ? error.message : String(error);
  }
}
