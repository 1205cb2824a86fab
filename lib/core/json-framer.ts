import { ByteBuffer } from './byte-buffer.ts';
import { ProtocolError } from './errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN = 0x7b;
const CLOSE = 0x7d;

/** The text of one JSON object, and what came behind it. */
export interface FramedObject {
  readonly text: string;
  readonly rest: Buffer;
}

/**
 * For a stream of JSON objects that nothing ends but their last brace, with or without white space
 * between them. What it gives is as long as an object, and need not be one.
 */
export class JsonFramer {
  readonly #maxBytes: number;
  readonly #pending = new ByteBuffer();
  #depth = 0;
  #inString = false;
  #escaped = false;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Whether an object has begun. */
  get begun(): boolean {
    return this.#pending.length > 0;
  }

  /**
   * The first object, once it is whole; what came behind it is to be pushed again for the next one.
   * @throws ProtocolError `MESSAGE_TOO_LONG`, or `NO_OBJECT` for anything that begins otherwise.
   */
  push(chunk: Buffer): FramedObject | undefined {
    const start = this.begun ? 0 : skipSpace(chunk);
    if (start === chunk.length) return undefined;
    if (!this.begun && chunk[start] !== OPEN) throw new ProtocolError('NO_OBJECT');
    const end = this.#endOf(chunk, start);
    const part = chunk.subarray(start, end);
    this.#pending.append(part);
    const { length } = this.#pending;
    if (length > this.#maxBytes) throw new ProtocolError('MESSAGE_TOO_LONG');
    if (this.#depth > 0) return undefined;
    const text = this.#pending.takeText(length);
    return { text, rest: chunk.subarray(end) };
  }

  /** Where the object ends in `chunk`, or where the chunk does. */
  #endOf(chunk: Buffer, start: number): number {
    const most = Math.min(chunk.length, start + this.#maxBytes + 1);
    for (let at = start; at < most; at += 1) {
      const byte = chunk[at];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
      } else if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN) this.#depth += 1;
      else if (byte === CLOSE) {
        this.#depth -= 1;
        if (this.#depth === 0) return at + 1;
      }
    }
    return most;
  }
}

/** Where something else than space begins. */
function skipSpace(chunk: Buffer): number {
  let at = 0;
  while (at < chunk.length && isSpace(chunk[at] ?? 0)) at += 1;
  return at;
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);
}
