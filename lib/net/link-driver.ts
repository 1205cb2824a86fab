import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { type Millis, millis } from '../core/brands.ts';
import type { DatagramWay, Toward } from '../lab/link-ways.ts';
import type { TcpFaults } from '../lab/tcp-path.ts';
import { breakConnection } from './break-connection.ts';
import { LinkConnection } from './link-connection.ts';
import type { Decision } from './link-datagrams.ts';
import { refusalOfItself } from './open-connection.ts';
import { tapTcp } from './tap.ts';

export type { Decision } from './link-datagrams.ts';

/** How long the server may take to be reached. */
const CONNECT_TIME: Millis = millis(10_000);

export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

export interface LinkOptions {
  /** Where clients connect; the default is a port of 127.0.0.1 that the system chooses. */
  readonly listen?: Endpoint;
  readonly server: Endpoint;
  readonly ways?: Readonly<Partial<Record<Toward, DatagramWay>>>;
  readonly tcp?: TcpFaults;
  /** What the words about decisions say of where they come from, like `seed 42`. */
  readonly source?: string;
  /** Something was decided about a datagram. */
  readonly onDecision?: (decision: Decision) => void;
  /** A client has come or gone, or a connection was broken, in words. */
  readonly onEvent?: (text: string) => void;
}

/**
 * A path with faults between clients and a server of the classroom protocol, without root: clients connect
 * to it instead of the server. It reads along, puts its own UDP port in place of the peer's, and lets
 * pass what it is told to. Line and bare peers, the fast profile and the as-written dialect pass alike.
 */
export class LinkDriver implements AsyncDisposable {
  readonly #options: LinkOptions;
  readonly #server = createServer({ allowHalfOpen: true }, (socket) => this.#onClient(socket));
  readonly #connections = new Set<LinkConnection>();
  #count = 0;

  private constructor(options: LinkOptions) {
    this.#options = options;
  }

  /** @throws an error of the system when the port cannot be had. */
  static async start(options: LinkOptions): Promise<LinkDriver> {
    const link = new LinkDriver(options);
    const { host, port } = options.listen ?? { host: '127.0.0.1', port: 0 };
    await new Promise<void>((resolve, reject) => {
      link.#server.once('error', reject);
      link.#server.listen(port, host, () => {
        link.#server.off('error', reject);
        resolve();
      });
    });
    return link;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const connection of this.#connections) connection.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }

  #onClient(client: Socket): void {
    tapTcp(client, 'in');
    client.pause();
    client.on('error', () => undefined);
    this.#count += 1;
    const name = `client ${this.#count}`;
    const tell = (text: string): void => this.#options.onEvent?.(`${name} ${text}`);
    tell('has connected');
    const { host, port } = this.#options.server;
    const server = createConnection({ host, port, allowHalfOpen: true, timeout: CONNECT_TIME });
    const fail = (error: Error): void => {
      tell(`cannot be connected with the server: ${error.message}`);
      breakConnection(client);
    };
    server.once('error', fail);
    server.once('timeout', () => server.destroy(new Error('it does not answer')));
    const abandon = (): void => void server.destroy();
    client.once('close', abandon);
    server.once('connect', () => {
      server.off('error', fail);
      const refusal = refusalOfItself(server);
      if (refusal !== undefined) {
        fail(refusal);
        return;
      }
      // From here on what is on its way arrives first.
      client.off('close', abandon);
      server.setTimeout(0);
      tapTcp(server, 'out');
      if (client.destroyed) {
        server.destroy();
        return;
      }
      const { ways = {}, tcp = {}, source, onDecision = () => undefined } = this.#options;
      const connection: LinkConnection = new LinkConnection({
        ...{ client, server, tcp },
        datagrams: {
          ways: { client: ways.client ?? {}, server: ways.server ?? {} },
          ...{ source, onDecision },
        },
        onEvent: tell,
        onClosed: () => {
          this.#connections.delete(connection);
          tell('is gone');
        },
      });
      this.#connections.add(connection);
    });
  }
}
