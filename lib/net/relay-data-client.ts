import type { Socket } from 'node:net';
import { HeadFramer } from '../core/head-framer.ts';
import { decodeDataReply, encodeDataRequest, MAX_LINE_BYTES } from '../relay/codec.ts';
import type { DataReply, DataRequest } from '../relay/messages.ts';
import { KEEP_ALIVE_MS } from './line-connection.ts';
import { openConnection } from './open-connection.ts';

/** A server that is silent for so long before its answer is given up. */
const ANSWER_MS = 60_000;

/** A data connection whose request was granted. */
export interface GrantedConnection {
  readonly type: 'granted';
  readonly socket: Socket;
  readonly reply: Extract<DataReply, { type: 'granted' }>;
  /** The first raw bytes. */
  readonly rest: Buffer;
}

/**
 * Opens a data connection and says what is wanted. It is paused: nothing is lost until somebody
 * listens.
 * @returns the refusal, if it is one; the connection is closed then.
 * @throws Error when the connection cannot be made, or breaks.
 */
export async function requestData(
  server: string,
  port: number,
  request: DataRequest,
  signal: AbortSignal,
): Promise<GrantedConnection | Extract<DataReply, { type: 'refused' }>> {
  const socket = await openConnection({ host: server, port });
  const abort = (): void => void socket.destroy(new Error('it was stopped'));
  signal.addEventListener('abort', abort);
  if (signal.aborted) abort();
  socket.once('close', () => signal.removeEventListener('abort', abort));
  // Whoever uses the connection hears of its end in other ways, too.
  socket.on('error', () => undefined);
  socket.setNoDelay(true);
  socket.setKeepAlive(true, KEEP_ALIVE_MS);
  socket.write(encodeDataRequest(request));
  try {
    const { line, rest } = await readHead(socket);
    const reply = decodeDataReply(line);
    if (reply.type === 'granted') return { type: 'granted', socket, reply, rest };
    socket.destroy();
    return reply;
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

function readHead(socket: Socket): Promise<{ readonly line: string; readonly rest: Buffer }> {
  const framer = new HeadFramer(MAX_LINE_BYTES);
  return new Promise((resolve, reject) => {
    const onData = (chunk: Buffer): void => {
      try {
        const head = framer.push(chunk);
        if (head === undefined) return;
        socket.pause();
        stop();
        resolve(head);
      } catch (error) {
        onError(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const onError = (error: Error): void => {
      stop();
      // What follows is told to nobody.
      socket.on('error', () => undefined);
      reject(error);
    };
    const onEnd = (): void => onError(new Error('the server closed the connection'));
    const onTimeout = (): void => onError(new Error('the server does not answer'));
    const stop = (): void => {
      socket.setTimeout(0);
      socket.off('data', onData).off('error', onError).off('end', onEnd).off('close', onEnd);
      socket.off('timeout', onTimeout);
    };
    socket.setTimeout(ANSWER_MS);
    socket.on('data', onData).on('error', onError).on('end', onEnd).on('close', onEnd);
    socket.on('timeout', onTimeout);
  });
}
