import type { Socket } from 'node:net';

/** What is read from the file at once; two of them are in use. */
const CHUNK_BYTES = 262_144;

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
  const buffers = [Buffer.allocUnsafeSlow(CHUNK_BYTES), Buffer.allocUnsafeSlow(CHUNK_BYTES)];
  let position = from;
  let written: Promise<void> = Promise.resolve();
  for (let turn = 0; position < source.size; turn += 1) {
    const buffer = buffers[turn % 2] ?? Buffer.alloc(0);
    const length = Math.min(buffer.length, source.size - position);
    const count = await source.read(buffer.subarray(0, length), position);
    if (count === 0) throw new Error('the file has become shorter');
    // The other buffer is free when this is over.
    await written;
    if (socket.destroyed) return;
    position += count;
    const upTo = position;
    written = write(socket, buffer.subarray(0, count)).then(() => onTaken(upTo));
  }
  await written;
}

/** An error ends the connection, which is told elsewhere. */
function write(socket: Socket, bytes: Buffer): Promise<void> {
  return new Promise((resolve) => socket.write(bytes, () => resolve()));
}
