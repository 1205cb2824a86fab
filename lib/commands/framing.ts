import { after, type Millis, millis } from '../core/brands.ts';
import { ByteBuffer } from '../core/byte-buffer.ts';
import { ProtocolError } from '../core/errors.ts';
import { LineFramer } from '../core/line-framer.ts';

/** A message may have at most this many bytes (PROTOCOL.md, "Framing"). */
export const MAX_MESSAGE_BYTES = 65_536;
/** A bare peer's message is over when nothing has followed it for this long. */
export const BARE_SILENCE = millis(50);
/** Pause between two messages to a bare peer; more than the silence, as timers are not exact. */
export const BARE_GAP = millis(60);

/**
 * How a peer marks the end of a message: by a line end, or not at all (one write each), as the
 * source document has it.
 */
export type Framing = 'line' | 'bare';

export interface PeerFramerOptions {
  /** How the peer frames; when absent, its first message tells. */
  readonly framing?: Framing;
  /**
   * A bare read below this many bytes is a message by itself, without waiting for silence: for a
   * server that writes two messages at once. 0: always wait.
   */
  readonly wholeBelow?: number;
}

/** Cuts what a peer sends into messages, be it a line peer or a bare one. */
export class PeerFramer {
  #framing: Framing | undefined;
  readonly #wholeBelow: number;
  readonly #lines = new LineFramer(MAX_MESSAGE_BYTES, { cutNumbers: true });
  readonly #pending = new ByteBuffer();
  #deadline: Millis | undefined;

  constructor(options: PeerFramerOptions = {}) {
    this.#framing = options.framing;
    this.#wholeBelow = options.wholeBelow ?? 0;
  }

  /** `undefined` until the peer's first message has told. */
  get framing(): Framing | undefined {
    return this.#framing;
  }

  /**
   * The messages that `chunk` completes.
   * @throws ProtocolError `MESSAGE_TOO_LONG`
   */
  *push(chunk: Uint8Array, now: Millis): Generator<string> {
    if (this.#framing === undefined && chunk.includes(0x0a)) {
      this.#framing = 'line';
      this.#deadline = undefined;
      const begun = this.#pending.takeBytes();
      yield* this.#lines.push(begun.length === 0 ? chunk : Buffer.concat([begun, chunk]));
      return;
    }
    if (this.#framing === 'line') {
      yield* this.#lines.push(chunk);
      return;
    }
    const alone = this.#framing === 'bare' && this.#pending.length === 0;
    this.#pending.append(chunk);
    this.#deadline = after(now, BARE_SILENCE);
    if (this.#framing === 'bare' && this.#pending.length > MAX_MESSAGE_BYTES / 2)
      yield* this.#takeNumbers();
    if (this.#pending.length > MAX_MESSAGE_BYTES) throw new ProtocolError('MESSAGE_TOO_LONG');
    if (alone && chunk.length < this.#wholeBelow) yield* this.#takeBare();
  }

  /** The message that silence has completed, if it is time. */
  *onTimeout(now: Millis): Generator<string> {
    if (this.#deadline === undefined || now < this.#deadline) return;
    this.#framing = 'bare';
    yield* this.#takeBare();
  }

  nextTimeout(): Millis | undefined {
    return this.#deadline;
  }

  /** What came before the stream ended, without a line end. */
  *end(): Generator<string> {
    const rest = this.#framing === 'line' ? this.#lines.end() : undefined;
    if (rest !== undefined) yield rest;
    else if (this.#pending.length > 0) yield* this.#takeBare();
  }

  /** A long list of numbers may be cut between any two. */
  *#takeNumbers(): Generator<string> {
    const length = this.#pending.lengthOfNumbers(this.#pending.length);
    if (length > 0) yield this.#pending.takeText(length);
  }

  *#takeBare(): Generator<string> {
    this.#deadline = undefined;
    const text = this.#pending.takeText(this.#pending.length);
    // A line peer whose first line came in two pieces was taken for a bare one: its lines still
    // arrive whole, a message each.
    if (!text.endsWith('\n')) yield text;
    else for (const line of text.slice(0, -1).split('\n')) yield line.replace(/\r$/, '');
  }
}

/** What waits to be written to a peer, and when it may go. */
export class Outbox {
  framing: Framing | undefined;
  readonly #queue: string[] = [];
  #queuedBytes = 0;
  #readyAt = millis(0);

  constructor(framing?: Framing) {
    this.framing = framing;
  }

  /** Bytes that wait here; bounded by whoever owns the connection. */
  get queuedBytes(): number {
    return this.#queuedBytes;
  }

  push(text: string): void {
    this.#queue.push(text);
    this.#queuedBytes += Buffer.byteLength(text);
  }

  /** The writes that are due. To a bare peer one at a time, since nothing else separates them. */
  *take(now: Millis): Generator<string> {
    for (;;) {
      const text = this.#queue[0];
      if (text === undefined || (this.framing !== 'line' && now < this.#readyAt)) return;
      this.#queue.shift();
      this.#queuedBytes -= Buffer.byteLength(text);
      this.#readyAt = after(now, BARE_GAP);
      yield this.framing === 'line' ? `${text}\n` : text;
    }
  }

  nextTimeout(): Millis | undefined {
    return this.#queue.length === 0 ? undefined : this.#readyAt;
  }

  /** Forgets what waits, to make way for a last word. */
  clear(): void {
    this.#queue.length = 0;
    this.#queuedBytes = 0;
  }
}
