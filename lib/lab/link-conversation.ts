import { splitGluedAddress } from '../commands/codec.ts';
import { after, earliest, type Millis, millis, type Port, parsePort } from '../core/brands.ts';

/**
 * How long an address without a line end waits for one. A bare peer's message is over when nothing
 * follows it; it is short, and peers write it at once.
 */
const BARE_SILENCE = millis(20);
/** An address is shorter, and so is the first line of an answer. */
const MAX_HELD_BYTES = 4096;
const MAX_REQUEST_BYTES = 512;
const LF = 0x0a;

/** Where the other side of a download is by UDP. */
export interface Agreed {
  /** Who has said it. */
  readonly by: 'client' | 'server';
  readonly port: Port;
  /** What the server has announced; unknown where it has not. */
  readonly segmentCount: number | undefined;
}

/** Bytes to be passed on; where an address stood among them, the caller puts his own. */
export type Passed = Buffer | { readonly agreed: Agreed; readonly text: (port: number) => string };

/**
 * Reads a conversation along that passes through a link, and finds where the two agree on a UDP port.
 * Everything else passes as it came, in the pieces in which it came: both peers may be bare.
 */
export class LinkConversation {
  /** `requested`: within the request or behind it; `address`: what the client says next is its address. */
  #state: 'idle' | 'requested' | 'address' = 'idle';
  /** The client's last words, as far as they may be the beginning of a request. */
  #begun = '';
  #startsMessage = true;
  /** What may become an address. */
  #held: Buffer = Buffer.alloc(0);
  #deadline: Millis | undefined;
  #wantsFast = false;
  /** What the server has said since the request. */
  #answer = '';
  #heldAnswer: Buffer = Buffer.alloc(0);
  #answerDeadline: Millis | undefined;

  /** Whether a download was asked for, and the two have not agreed on a port yet. */
  get isBeginning(): boolean {
    return this.#state !== 'idle';
  }

  *fromClient(chunk: Buffer, now: Millis): Generator<Passed> {
    let rest = chunk;
    while (rest.length > 0) {
      // Behind what is held back, whatever the server has said meanwhile: nothing overtakes it.
      if (this.#state === 'address' || this.#held.length > 0) {
        this.#held = Buffer.concat([this.#held, rest]);
        const end = this.#held.indexOf(LF);
        if (end < 0) {
          if (this.#held.length > MAX_HELD_BYTES) yield* this.#release();
          else this.#deadline = after(now, BARE_SILENCE);
          return;
        }
        rest = this.#held.subarray(end + 1);
        this.#held = this.#held.subarray(0, end + 1);
        yield* this.#release();
        continue;
      }
      const end = rest.indexOf(LF) + 1 || rest.length;
      const piece = rest.subarray(0, end);
      rest = rest.subarray(end);
      this.#read(piece);
      yield piece;
    }
  }

  *fromServer(chunk: Buffer, now: Millis): Generator<Passed> {
    // Whoever is answered has finished his message, line end or not.
    this.#startsMessage = true;
    this.#begun = '';
    if (this.#state !== 'idle') this.#readAnswer(chunk);
    if (!this.#wantsFast && this.#heldAnswer.length === 0) {
      yield chunk;
      return;
    }
    this.#heldAnswer = Buffer.concat([this.#heldAnswer, chunk]);
    this.#answerDeadline = after(now, BARE_SILENCE);
    const isWhole = chunk.includes(LF) || this.#heldAnswer.length > MAX_HELD_BYTES;
    if (isWhole) yield* this.#releaseAnswer();
  }

  /** What silence has completed for the server, if it is time: the address of a bare client. */
  *onTimeout(now: Millis): Generator<Passed> {
    if (this.#deadline !== undefined && now >= this.#deadline) yield* this.#release();
  }

  /** What silence has completed for the client, if it is time: the answer of a bare server. */
  *onAnswerTimeout(now: Millis): Generator<Passed> {
    if (this.#answerDeadline !== undefined && now >= this.#answerDeadline) {
      yield* this.#releaseAnswer();
    }
  }

  nextTimeout(): Millis | undefined {
    return earliest(this.#deadline, this.#answerDeadline);
  }

  /** What was held back, before the client's end. */
  *end(): Generator<Passed> {
    if (this.#held.length > 0) yield* this.#release();
  }

  /** What was held back, before the server's end. */
  *endOfServer(): Generator<Passed> {
    if (this.#heldAnswer.length > 0) yield* this.#releaseAnswer();
  }

  get #segmentCount(): number | undefined {
    const digits =
      /(?:^|\n)\|(\d{1,9})(?:\D|$)/.exec(this.#answer)?.[1] ??
      // A bare server's words may stand before it, with nothing between.
      /\|(\d{1,9})\s*$/.exec(this.#answer)?.[1];
    return digits === undefined ? undefined : Number(digits);
  }

  #readAnswer(chunk: Buffer): void {
    this.#answer = (this.#answer + chunk.toString('latin1')).slice(-MAX_HELD_BYTES);
    if (/(?:^|\n)Can't download/.test(this.#answer)) this.#state = 'idle';
    else if (this.#segmentCount !== undefined) this.#state = 'address';
  }

  /** Looks for a request in what the client says: up to a line end, or as much as there is. */
  #read(piece: Buffer): void {
    const text = piece.toString('latin1');
    const isWhole = text.endsWith('\n');
    if (this.#startsMessage || this.#begun !== '') {
      this.#begun = (this.#begun + text).slice(0, MAX_REQUEST_BYTES);
      this.#startsMessage = false;
    }
    if (this.#begun.startsWith('download|')) {
      if (this.#state === 'idle') {
        this.#answer = '';
        this.#state = 'requested';
      }
      this.#wantsFast = this.#begun.includes('|fast=1');
      // Whoever does not wait for the answer says its address behind the line.
      if (isWhole && !this.#wantsFast) this.#state = 'address';
    }
    if (!isWhole) return;
    this.#begun = '';
    this.#startsMessage = true;
  }

  *#release(): Generator<Passed> {
    const text = this.#held.toString('latin1');
    const held = this.#held;
    this.#held = Buffer.alloc(0);
    this.#deadline = undefined;
    // A busy link may get the first re-request of a bare client together with its address.
    const [address = ''] = splitGluedAddress(text);
    const [, before = '', digits = ''] = /^([\d.:a-fA-F[\]%]+\|)?(\d{1,5})\s*$/.exec(address) ?? [];
    const port = parsePort(digits);
    // Whoever says something else before the answer says his address later.
    this.#state = port === undefined && this.#segmentCount === undefined ? 'requested' : 'idle';
    this.#startsMessage = true;
    this.#begun = '';
    if (port === undefined) {
      // No address: then it may be a request, or anything else.
      this.#read(held);
      yield held;
      return;
    }
    const agreed: Agreed = { by: 'client', port, segmentCount: this.#segmentCount };
    const behind = text.slice(before.length + digits.length);
    yield { agreed, text: (own) => `${before}${own}${behind}` };
  }

  *#releaseAnswer(): Generator<Passed> {
    const held = this.#heldAnswer;
    this.#heldAnswer = Buffer.alloc(0);
    this.#answerDeadline = undefined;
    const [whole, start = '', digits = ''] =
      /((?:^|\n)\|\d{1,9}\|fast=1[^\n]*\|port=)(\d{1,5})(?=\D)/.exec(held.toString('latin1')) ?? [];
    const port = parsePort(digits);
    if (whole === undefined || port === undefined) {
      // In the form of the document, or no answer yet.
      if (this.#segmentCount !== undefined) this.#wantsFast = false;
      yield held;
      return;
    }
    const at = held.indexOf(whole, 0, 'latin1');
    if (at > 0) yield held.subarray(0, at);
    this.#state = 'idle';
    this.#wantsFast = false;
    const agreed: Agreed = { by: 'server', port, segmentCount: this.#segmentCount };
    yield { agreed, text: (own) => `${start}${own}` };
    const rest = held.subarray(at + whole.length);
    if (rest.length > 0) yield rest;
  }
}
