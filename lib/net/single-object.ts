import type { Socket } from 'node:net';
import { ByteBuffer } from '../core/byte-buffer.ts';
import { breakConnection } from './break-connection.ts';
import { openConnection } from './open-connection.ts';

/** The other side has so long to take an object, or to send one. */
const LIMIT_MS = 10_000;

export interface ObjectTarget {
  readonly host: string;
  readonly port: number;
  /** The address to connect from. */
  readonly localAddress: string | undefined;
}

/**
 * A connection that carries one object and its end.
 * @param make is given the address that it goes out from.
 * @throws Error when the other side does not take it: it has arrived when that closes in good order.
 */
export async function sendObject(
  { host, port, localAddress }: ObjectTarget,
  make: (from: string) => string,
): Promise<void> {
  const socket = await openConnection({
    ...{ host, port },
    ...(localAddress !== undefined && { localAddress }),
  });
  await new Promise<void>((resolve, reject) => {
    const limit = setTimeout(() => socket.destroy(new Error('it does not take it')), LIMIT_MS);
    let ended = false;
    socket.once('error', reject);
    socket.once('end', () => {
      ended = true;
    });
    socket.once('close', () => {
      clearTimeout(limit);
      if (ended) resolve();
      else reject(new Error('it has closed the connection'));
    });
    socket.resume();
    socket.end(`${make(socket.localAddress ?? '')}\n`);
  });
}

/**
 * Reads what {@link sendObject} sends.
 * @param take returns why it is not taken, which the other side sees as a connection that is cut.
 */
export function takeObject(
  socket: Socket,
  maxBytes: number,
  take: (text: string) => string | undefined,
  onRefused: (reason: string) => void,
): void {
  const said = new ByteBuffer();
  const limit = setTimeout(() => refuse('it does not end'), LIMIT_MS);
  const refuse = (reason: string): void => {
    clearTimeout(limit);
    if (socket.destroyed) return;
    onRefused(reason);
    breakConnection(socket);
  };
  socket.on('error', () => undefined);
  socket.once('close', () => clearTimeout(limit));
  socket.on('data', (chunk) => {
    if (said.length + chunk.length > maxBytes) refuse('it is too long');
    else said.append(chunk);
  });
  socket.once('end', () => {
    if (socket.destroyed) return;
    const problem = take(said.takeText(said.length));
    if (problem !== undefined) return refuse(problem);
    clearTimeout(limit);
    socket.end();
  });
}
