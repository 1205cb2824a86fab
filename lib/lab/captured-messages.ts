import { ByteBuffer } from '../core/byte-buffer.ts';

const LF = 0x0a;
/** What is longer comes in pieces: in a capture anything may stand. */
const MAX_BYTES = 65_536;

/**
 * Cuts what one side of the classroom protocol has said into messages: lines or, from a peer without line
 * ends, what one write carried. A capture tells where writes end, as a connection does not.
 */
export class CapturedMessages {
  readonly #pending = new ByteBuffer();
  #hasLines: boolean | undefined;
  /** Behind a gap, up to the next line end. */
  #skipping = false;

  /** @param pushed whether a write ends behind it. */
  *push(bytes: Buffer, pushed: boolean): Generator<string> {
    this.#hasLines ||= bytes.includes(LF) || undefined;
    let rest = this.#skipping ? this.#skipLine(bytes) : bytes;
    for (let at = rest.indexOf(LF); this.#hasLines && at !== -1; at = rest.indexOf(LF)) {
      this.#pending.append(rest.subarray(0, at));
      rest = rest.subarray(at + 1);
      yield this.#take().replace(/\r$/, '');
    }
    this.#pending.append(rest);
    const isWhole = this.#hasLines !== true && pushed;
    if (this.#pending.length > 0 && (isWhole || this.#pending.length > MAX_BYTES)) {
      // A long list of numbers may be cut between any two.
      const numbers = isWhole ? 0 : this.#pending.lengthOfNumbers(this.#pending.length);
      yield this.#pending.takeText(numbers > 0 ? numbers : this.#pending.length);
    }
  }

  /** Something is not in the capture: what it was part of is none any more. */
  gap(): void {
    this.#pending.skip(this.#pending.length);
    this.#skipping = this.#hasLines === true;
  }

  #skipLine(bytes: Buffer): Buffer {
    const end = bytes.indexOf(LF);
    this.#skipping = end === -1;
    return bytes.subarray(end === -1 ? bytes.length : end + 1);
  }

  /** What the last message was, if it had no end. */
  *end(): Generator<string> {
    if (this.#pending.length > 0) yield this.#take();
  }

  #take(): string {
    return this.#pending.takeText(this.#pending.length);
  }
}
