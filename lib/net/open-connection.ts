import { createConnection, type Socket, type TcpNetConnectOpts } from 'node:net';
import { tapTcp } from './tap.ts';

/** A server that does not answer the TCP handshake is given this long. */
const CONNECT_TIMEOUT_MS = 10_000;
/**
 * A handshake whose first packet is lost is tried again by the system after a whole second. A second
 * attempt beside it comes earlier (RFC 8305, section 5: no less than 100 ms between them).
 */
const ATTEMPT_EVERY_MS = 120;
const MOST_ATTEMPTS = 4;

/**
 * Opens a TCP connection, unless `signal` is aborted before.
 * @throws Error that says why there is none.
 */
export async function openConnection(
  options: TcpNetConnectOpts,
  signal?: AbortSignal,
): Promise<Socket> {
  const attempts: Socket[] = [];
  let next: NodeJS.Timeout | undefined;
  let timeout: NodeJS.Timeout | undefined;
  let abort: () => void = () => undefined;
  try {
    const first = await new Promise<Socket>((resolve, reject) => {
      const attempt = (): void => {
        const socket = createConnection({ ...options, allowHalfOpen: true });
        attempts.push(socket);
        socket.once('error', reject);
        socket.once('connect', () => {
          socket.off('error', reject);
          resolve(socket);
        });
        if (attempts.length < MOST_ATTEMPTS) next = setTimeout(attempt, ATTEMPT_EVERY_MS);
      };
      abort = () => reject(new Error('it was stopped'));
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted) abort();
      timeout = setTimeout(() => reject(new Error('no answer')), CONNECT_TIMEOUT_MS);
      attempt();
    });
    attempts.splice(attempts.indexOf(first), 1);
    tapTcp(first, 'out');
    return first;
  } finally {
    clearTimeout(next);
    clearTimeout(timeout);
    signal?.removeEventListener('abort', abort);
    for (const socket of attempts) {
      socket.on('error', () => undefined);
      socket.destroy();
    }
  }
}
