import { createConnection, type Socket, type TcpNetConnectOpts } from 'node:net';
import { breakConnection } from './break-connection.ts';
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
          const refusal = refusalOfItself(socket);
          if (refusal === undefined) resolve(socket);
          else reject(refusal);
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

/**
 * Where nobody listens on a port of this machine, the system may choose just that port for the connection to it,
 * which is then connected with itself (RFC 9293, section 3.5, figure 7), and keeps others from listening there.
 * @returns what to say of such a one, which is broken then; `undefined` for any other
 */
export function refusalOfItself(socket: Socket): Error | undefined {
  const { localAddress, localPort, remoteAddress = '', remotePort } = socket;
  if (localPort !== remotePort || localAddress !== remoteAddress) return undefined;
  // What is closed by a reset does not hold its port for another minute.
  breakConnection(socket);
  const message = `connect ECONNREFUSED ${remoteAddress}:${remotePort}`;
  return Object.assign(new Error(message), { code: 'ECONNREFUSED' });
}
