import type { ObjectStream } from './object-stream.ts';

/** What was read and is not taken yet; beyond that the other side waits. */
const MAX_WAITING_BYTES = 1_048_576;

/** Where the bytes of one file that was offered go. */
export interface OfferedSink {
  /** Bytes that are there already. */
  readonly offset: number;
  /** What is there counts no more. */
  beginAnew(): Promise<void>;
  /** Resolves when more can be taken. */
  write(chunk: Buffer): Promise<void>;
  /** Why it is not what was offered; `undefined`: it is, and has its name now. */
  finish(): Promise<string | undefined>;
  /** Nobody waits for the hash in {@link finish} any more. */
  cancel(): void;
  /** No more comes. Waits for what was begun. */
  end(): Promise<void>;
}

/**
 * The next `length` bytes of the connection go into the sink, from `offset` on. Resolves when all are
 * written; never when the connection ends before. @throws whatever the sink throws
 */
export async function takeInto(
  stream: ObjectStream,
  sink: OfferedSink,
  { offset, length }: { readonly offset: number; readonly length: number },
  onTaken: (bytes: number) => void,
): Promise<void> {
  const { socket } = stream;
  let written = offset < sink.offset ? sink.beginAnew() : Promise.resolve();
  let left = length;
  let waiting = 0;
  if (left === 0) return await written;
  await new Promise<void>((resolve, reject) => {
    written.catch(reject);
    const onWritten = (bytes: number): void => {
      if (waiting > MAX_WAITING_BYTES && waiting - bytes <= MAX_WAITING_BYTES) socket.resume();
      waiting -= bytes;
      if (left === 0 && waiting === 0) resolve();
    };
    stream.expectBytes((chunk) => {
      const mine = chunk.subarray(0, left);
      left -= mine.length;
      waiting += mine.length;
      onTaken(mine.length);
      written = written.then(() => sink.write(mine));
      written.then(() => onWritten(mine.length), reject);
      if (waiting > MAX_WAITING_BYTES) socket.pause();
      return left > 0 ? undefined : chunk.subarray(mine.length);
    });
  });
}
