import { ByteBuffer } from './byte-buffer.ts';
import { ProtocolError } from './errors.ts';

const LF = 0x0a;

/** Cuts a stream into lines: each ends with LF or CRLF, and has at most `maxBytes` without it. */
export class LineFramer {
  readonly #maxBytes: number;
  readonly #cutNumbers: boolean;
  readonly #pending = new ByteBuffer();
  #searched = 0;
  #skipping = false;

  /** @param options `cutNumbers`: a long list of decimal numbers comes in several lines instead. */
  constructor(maxBytes: number, options: { readonly cutNumbers?: boolean } = {}) {
    this.#maxBytes = maxBytes;
    this.#cutNumbers = options.cutNumbers ?? false;
  }

  /**
   * The lines that `chunk` completes.
   * @throws ProtocolError `MESSAGE_TOO_LONG`, after the lines that came before the long one.
   */
  *push(chunk: Uint8Array): Generator<string> {
    this.#pending.append(chunk);
    if (this.#skipping) this.#skip();
    for (;;) {
      const length = this.#pending.indexOf(LF, this.#searched);
      const there = length === -1 ? this.#pending.length : length;
      const numbers =
        this.#cutNumbers && there > this.#maxBytes / 2 ? this.#pending.lengthOfNumbers(there) : 0;
      if (numbers > 0) {
        this.#searched = 0;
        yield this.#pending.takeText(numbers);
        continue;
      }
      if (there > this.#maxBytes + 1) {
        throw new ProtocolError('MESSAGE_TOO_LONG');
      }
      if (length === -1) break;
      const text = this.#pending.takeText(length);
      this.#pending.skip(1);
      this.#searched = 0;
      const ending = text.endsWith('\r') ? 1 : 0;
      if (length - ending > this.#maxBytes) throw new ProtocolError('MESSAGE_TOO_LONG');
      yield text.slice(0, text.length - ending);
    }
    this.#searched = this.#pending.length;
  }

  /** After a line that was too long: the next one is the one behind it. */
  skipLine(): void {
    this.#skipping = true;
  }

  /** Bytes of a line that has begun and not ended. */
  get pendingBytes(): number {
    return this.#pending.length;
  }

  /** What came after the last line end, when the stream has ended; `undefined` when nothing did. */
  end(): string | undefined {
    const { length } = this.#pending;
    return length === 0 ? undefined : this.#pending.takeText(length);
  }

  #skip(): void {
    const length = this.#pending.indexOf(LF, 0);
    this.#skipping = length === -1;
    this.#pending.skip(length === -1 ? this.#pending.length : length + 1);
    this.#searched = 0;
  }
}
