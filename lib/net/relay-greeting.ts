import { systemCode } from '../core/errors.ts';
import { openConnection } from './open-connection.ts';

/** So often in a row a port has to be closed while the server is there. */
const CLOSED_TIMES = 2;

/** Finds out whether a transfer is over: its port is closed, though the server is there. */
export class PortWatch {
  readonly #server: string;
  readonly #commandPort: number;
  /** The server was there before the latest attempt. */
  #greeted = false;
  #closed = 0;

  constructor(server: string, commandPort: number) {
    this.#server = server;
    this.#commandPort = commandPort;
  }

  /** @param error why the latest attempt has failed. */
  async isClosed(error: Error | undefined): Promise<boolean> {
    const isRefused = systemCode(error) === 'ECONNREFUSED';
    // A server that is being started has opened the ports of its transfers before it greets.
    this.#closed = isRefused && this.#greeted ? this.#closed + 1 : 0;
    if (this.#closed >= CLOSED_TIMES) return true;
    this.#greeted = isRefused && (await greets(this.#server, this.#commandPort));
    return false;
  }
}

/** Whether a relay answers there. */
async function greets(server: string, port: number): Promise<boolean> {
  try {
    const socket = await openConnection({ host: server, port });
    return await new Promise((resolve) => {
      socket.setTimeout(5000, () => socket.destroy());
      socket.once('data', () => {
        resolve(true);
        socket.destroy();
      });
      socket.on('error', () => undefined);
      socket.once('end', () => socket.destroy());
      socket.once('close', () => resolve(false));
    });
  } catch {
    return false;
  }
}
