import { ByteBuffer } from './byte-buffer.ts';
import { ProtocolError } from './errors.ts';

const LF = 0x0a;

/** One line, and what came behind it as raw bytes. */
export interface Head {
  readonly line: string;
  readonly rest: Buffer;
}

/** For a stream that begins with one line (LF or CRLF) and is raw bytes from there on. */
export class HeadFramer {
  readonly #maxBytes: number;
  readonly #pending = new ByteBuffer();

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /**
   * The line, once it is whole; nothing may be pushed after that.
   * @throws ProtocolError `MESSAGE_TOO_LONG`
   */
  push(chunk: Uint8Array): Head | undefined {
    const searched = this.#pending.length;
    // More than a line is not gathered: behind it comes a file.
    const at = chunk.indexOf(LF);
    const end = at === -1 ? chunk.length : at + 1;
    if (searched + end > this.#maxBytes + 2) throw new ProtocolError('MESSAGE_TOO_LONG');
    this.#pending.append(chunk.subarray(0, end));
    if (at === -1) return undefined;
    const text = this.#pending.takeText(searched + at);
    const ending = text.endsWith('\r') ? 1 : 0;
    if (searched + at - ending > this.#maxBytes) throw new ProtocolError('MESSAGE_TOO_LONG');
    const line = text.slice(0, text.length - ending);
    return { line, rest: Buffer.from(chunk.subarray(end)) };
  }
}
