import { JsonFramer } from '../core/json-framer.ts';

const LF = 0x0a;
const CR = 0x0d;

/** What one side says: objects, and bytes between them where they were expected. */
export type CapturedObject =
  | { readonly type: 'object'; readonly text: string }
  | { readonly type: 'bytes'; readonly bytes: Buffer };

/** Reads JSON objects, and the bytes of files behind them. */
export class CapturedObjects {
  readonly #framer: JsonFramer;
  /** Bytes that are no object. */
  #expected = 0;
  /** What may stand behind an object, and is no part of what follows. */
  #lineEnd: 'none' | 'due' | 'cr' = 'none';

  constructor(maxBytes: number) {
    this.#framer = new JsonFramer(maxBytes);
  }

  /** Behind the line end of the last object come so many bytes. */
  expectBytes(count: number): void {
    this.#expected = count;
  }

  /** @throws ProtocolError when there is no object where one is due. */
  *push(chunk: Buffer): Generator<CapturedObject> {
    for (let rest = chunk; rest.length > 0; ) {
      if (this.#lineEnd !== 'none') {
        rest = this.#skipLineEnd(rest);
        continue;
      }
      if (this.#expected > 0) {
        const bytes = rest.subarray(0, this.#expected);
        this.#expected -= bytes.length;
        rest = rest.subarray(bytes.length);
        yield { type: 'bytes', bytes };
        continue;
      }
      const framed = this.#framer.push(rest);
      if (framed === undefined) return;
      rest = framed.rest;
      this.#lineEnd = 'due';
      yield { type: 'object', text: framed.text };
    }
  }

  /** What is missing of the bytes that were expected; `undefined`: more than these is missing. */
  skip(count: number): number | undefined {
    const skipped = this.#lineEnd === 'none' ? count : count - 1;
    if (this.#framer.begun || skipped > this.#expected) return undefined;
    this.#lineEnd = 'none';
    this.#expected -= skipped;
    return skipped;
  }

  #skipLineEnd(chunk: Buffer): Buffer {
    const hadCr = this.#lineEnd === 'cr';
    this.#lineEnd = 'none';
    const [first] = chunk;
    if (first === LF) return chunk.subarray(1);
    // It was no line end.
    if (hadCr) return Buffer.concat([Buffer.of(CR), chunk]);
    if (first !== CR) return chunk;
    this.#lineEnd = 'cr';
    return chunk.subarray(1);
  }
}
