import { encodeReply } from '../isend/codec.ts';
import type { Gate } from '../isend/gate.ts';
import { CONNECT_ID } from '../isend/messages.ts';
import { now } from './clock.ts';
import { type IncomingSink, IsendInbound } from './isend-inbound.ts';
import { PortListener } from './port-listener.ts';

/** Connections at a time, those that wait to be let in included. */
const MAX_CONNECTIONS = 64;

export interface IsendReceiverOptions {
  /** All addresses of both families when absent. */
  readonly host: string | undefined;
  /** 0 is a port that the system chooses. */
  readonly port: number;
  readonly gate: Gate;
  /** A sender may send: where to. One at a time. */
  readonly openSink: (address: string) => IncomingSink;
  /** Somebody was turned away, or the port has failed. */
  readonly onWarning: (text: string) => void;
  /** A sender that was let in has ended, and everything is tidied up. */
  readonly onEnded: () => void;
}

/** Receives files, folders and messages on a TCP port, from one sender after the other. */
export class IsendReceiverDriver implements AsyncDisposable {
  readonly #options: IsendReceiverOptions;
  readonly #connections = new Set<IsendInbound>();
  #listener: PortListener | undefined;
  #current: IncomingSink | undefined;
  #closing = false;

  private constructor(options: IsendReceiverOptions) {
    this.#options = options;
  }

  /** @throws Error that says why the port cannot be listened on. */
  static async start(options: IsendReceiverOptions): Promise<IsendReceiverDriver> {
    const driver = new IsendReceiverDriver(options);
    driver.#listener = await PortListener.open({
      host: options.host,
      port: options.port,
      maxConnections: MAX_CONNECTIONS,
      onConnection: (socket) => {
        const connection = new IsendInbound({
          socket,
          admit: (address, password) => driver.#admit(address, password),
          onRefused: (address, reason) => options.onWarning(`${address} was refused: ${reason}`),
          onFault: (error) => options.onWarning(describeFault(error)),
          onEnded: (sink) => {
            driver.#connections.delete(connection);
            if (sink === undefined) return;
            driver.#current = undefined;
            options.onEnded();
          },
        });
        driver.#connections.add(connection);
      },
      onFull: () =>
        encodeReply({ type: 'connection-refused', id: CONNECT_ID, text: 'too many connections' }),
      onError: (error) => options.onWarning(error.message),
    });
    return driver;
  }

  get port(): number {
    return this.#listener?.port ?? 0;
  }

  /** Ends all connections; resolves when what was under way is tidied up. */
  async close(): Promise<void> {
    this.#closing = true;
    const closed = this.#listener?.close();
    const connections = [...this.#connections];
    for (const connection of connections) connection.close('the receiver was stopped');
    await Promise.all([closed, ...connections.map(({ ended }) => ended)]);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #admit(address: string, password: Buffer | undefined): IncomingSink | string {
    const refusal = this.#options.gate.refusal(address, password, now());
    if (refusal !== undefined) return refusal;
    if (this.#closing) return 'the receiver stops';
    if (this.#current !== undefined) return 'another sender is being served; try again later';
    this.#current = this.#options.openSink(address);
    return this.#current;
  }
}

/** For a report: where it happened. */
function describeFault(error: unknown): string {
  return `fault: ${error instanceof Error ? (error.stack ?? error.message) : error}`;
}
