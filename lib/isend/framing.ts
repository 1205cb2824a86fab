import { instruction } from './codec.ts';

/** What a stream consists of: instructions, and behind some of them their content. */
export type Framed<Head> =
  | { readonly type: 'head'; readonly head: Head }
  /** Of a content that is streamed, what has come of it; of any other, all of it. */
  | {
      readonly type: 'content';
      readonly head: Head;
      readonly bytes: Buffer;
      readonly last: boolean;
    };

export interface FramerOptions<Head> {
  /** Reads an instruction. @throws when it is none; nothing is read after that. */
  readonly decode: (bytes: Buffer) => Head;
  /** Whether its content is handed on as it comes, and not gathered first. */
  readonly isStreamed: (head: Head) => boolean;
}

/**
 * Cuts a stream into instructions and their contents. It holds an instruction at most, or a content
 * that is gathered, which the codec allows to be 256 bytes long; a streamed content is not copied.
 */
export class InstructionFramer<Head extends { readonly length: number }> {
  readonly #options: FramerOptions<Head>;
  #head: Head | undefined;
  /** Bytes of the content that are still to come. */
  #left = 0;
  /** The beginning of an instruction, or of a content that is gathered. */
  #gathered = Buffer.alloc(0);
  #failed = false;

  constructor(options: FramerOptions<Head>) {
    this.#options = options;
  }

  /** @throws what decoding throws, after what came before. */
  *push(chunk: Buffer): Generator<Framed<Head>> {
    let rest = chunk;
    while (rest.length > 0 && !this.#failed) {
      const head = this.#head;
      if (head !== undefined && this.#options.isStreamed(head)) {
        const bytes = rest.subarray(0, this.#left);
        rest = rest.subarray(bytes.length);
        yield this.#content(head, bytes);
        continue;
      }
      const bytes = this.#gather(rest, head === undefined ? instruction.size : this.#left);
      if (bytes === undefined) return;
      rest = rest.subarray(bytes.used);
      yield head === undefined ? this.#begin(bytes.whole) : this.#content(head, bytes.whole);
    }
  }

  #begin(bytes: Buffer): Framed<Head> {
    this.#failed = true;
    const head = this.#options.decode(bytes);
    this.#failed = false;
    if (head.length > 0) {
      this.#head = head;
      this.#left = head.length;
    }
    return { type: 'head', head };
  }

  #content(head: Head, bytes: Buffer): Framed<Head> {
    this.#left -= bytes.length;
    const last = this.#left === 0;
    if (last) this.#head = undefined;
    return { type: 'content', head, bytes, last };
  }

  /** So many bytes as one, once they are there. */
  #gather(rest: Buffer, count: number): { whole: Buffer; used: number } | undefined {
    if (this.#gathered.length === 0 && rest.length >= count) {
      return { whole: rest.subarray(0, count), used: count };
    }
    const used = Math.min(count - this.#gathered.length, rest.length);
    const whole = Buffer.concat([this.#gathered, rest.subarray(0, used)]);
    this.#gathered = whole.length < count ? whole : Buffer.alloc(0);
    return whole.length < count ? undefined : { whole, used };
  }
}
