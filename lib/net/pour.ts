import type { Socket } from 'node:net';

/** What is read from the file at once. */
const CHUNK_BYTES = 1_048_576;
/** One is read into, one waits to be written, one is being written. */
const BUFFERS = 3;

/** Where the bytes come from. */
export interface PourSource {
  readonly size: number;
  /** Reads into `buffer` what stands at `position`; returns how many bytes that were. */
  read(buffer: Buffer, position: number): Promise<number>;
}

/**
 * Writes all that is behind `from` to the socket, as fast as it takes it, or until it is destroyed.
 * @param onTaken is told how far the system has taken it.
 * @throws Error when the file cannot be read, or has become shorter.
 */
export async function pour(
  socket: Socket,
  source: PourSource,
  from: number,
  onTaken: (position: number) => void,
): Promise<void> {
  const buffers = Array.from({ length: BUFFERS }, () => ({
    bytes: Buffer.allocUnsafeSlow(Math.min(CHUNK_BYTES, source.size - from)),
    written: Promise.resolve(),
  }));
  const bufferOf = (turn: number): (typeof buffers)[number] => {
    const buffer = buffers[turn % BUFFERS];
    if (buffer === undefined) throw new Error('there is no such buffer');
    return buffer;
  };
  const read = async (turn: number, position: number): Promise<Buffer> => {
    const { bytes, written } = bufferOf(turn);
    await written;
    const room = bytes.subarray(0, source.size - position);
    return room.subarray(0, socket.destroyed ? 0 : await source.read(room, position));
  };
  let position = from;
  let next = position < source.size ? read(0, position) : undefined;
  for (let turn = 0; next !== undefined; turn += 1) {
    const bytes = await next;
    if (socket.destroyed) return;
    if (bytes.length === 0) throw new Error('the file has become shorter');
    position += bytes.length;
    const upTo = position;
    next = position < source.size ? read(turn + 1, position) : undefined;
    // It is looked at after the write.
    next?.catch(() => undefined);
    bufferOf(turn).written = write(socket, bytes).then(() => onTaken(upTo));
  }
  await Promise.all(buffers.map(({ written }) => written));
}

/** An error ends the connection, which is told elsewhere. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}
