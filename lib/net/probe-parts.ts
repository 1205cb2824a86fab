import { createSocket, type Socket } from 'node:dgram';
import { type Millis, millis } from '../core/brands.ts';
import { damaged, explainFate, type FateOf } from '../lab/faults.ts';
import type { SentNumbering, ServingPlan } from '../lab/grader/client-bench.ts';
import { SendingCounts } from '../lab/sending-counts.ts';
import { SEGMENT_PAYLOAD } from '../udp-reliable/segment.ts';
import { now } from './clock.ts';
import type { FairClock } from './fair-clock.ts';
import { sendFrom } from './send-from.ts';
import { explainDatagram, recordLost, tapUdp } from './tap.ts';

/** What was sent so shortly before may not have been read yet. */
const ON_ITS_WAY = millis(60);
/** Datagrams that a socket of usual size holds; then the client has a turn. */
const BURST = 16;
const BURST_GAP_MS = 2;
/** Between two parts of a burst there is no time: this program had no processor. */
const STALLED = millis(50);
/** Of what is sent beside the parts, in the capture. */
const NO_PART = 'no part of the file: what does the client make of it?';
/** Of this machine as well, where 127.0.0.0/8 is whole. */
const ELSEWHERE = '127.0.0.3';

export interface ProbePartsOptions {
  readonly bytes: Buffer;
  readonly numbering: SentNumbering;
  readonly plan: ServingPlan;
  readonly clock: FairClock;
  /** Where decisions about parts come from, like `seed 42`. */
  readonly source: string;
  readonly onStep: (text: string) => void;
  /** What comes to the socket from which they go. */
  readonly onDatagram: (datagram: Buffer) => void;
}

/** The parts of a file on their way to a client under test: what was sent, and what has reached it. */
export class ProbeParts {
  readonly #options: ProbePartsOptions;
  readonly #socket: Socket = createSocket('udp4');
  readonly #counts = new SendingCounts();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #fateOf: FateOf;
  readonly #clock: FairClock;
  /** Parts that have reached the client, and when. */
  readonly #arrived = new Map<number, Millis>();
  #isDoubled = false;
  readonly #sent = new Set<number>();
  /** Those that are being sent for the first time, and that follow each other without a pause. */
  #underWay: readonly number[] = [];
  readonly #offered = now();
  #lastSent = now();
  /** The same by the time that the client has had. */
  #lastSentFair: Millis;
  #port = 0;
  #host = '127.0.0.1';
  /** Of the whole file. */
  readonly count: number;

  constructor(options: ProbePartsOptions) {
    const { bytes, plan, clock, onDatagram } = options;
    this.#options = options;
    this.count = Math.ceil(bytes.length / SEGMENT_PAYLOAD);
    this.#fateOf = plan.fateOf ?? (() => [{ delay: millis(0) }]);
    this.#clock = clock;
    this.#lastSentFair = clock.now();
    tapUdp(this.#socket);
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', onDatagram);
  }

  /** @param address of this machine, from which they go */
  open(address: string): Promise<void> {
    return new Promise((resolve) => this.#socket.bind(0, address, resolve));
  }

  /** Sends nothing more, not even what is delayed. */
  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#socket.close();
  }

  /** Where they go. */
  aimAt(host: string, port: number): void {
    this.#host = host;
    this.#port = port;
  }

  /** Whether more are to follow that are sent for the first time, without a pause. */
  get isSending(): boolean {
    return this.#underWay.length > 0;
  }

  /** Whether these are all that have been sent. */
  areAllOf(seqs: readonly number[]): boolean {
    return [...this.#sent].every((seq) => seqs.includes(seq));
  }

  /** How many have been sent. */
  get sentCount(): number {
    return this.#sent.size;
  }

  /** Milliseconds since the last one was sent. */
  get sinceSent(): number {
    return now() - this.#lastSent;
  }

  /** Milliseconds since before the client could know that they come. */
  get sinceOffered(): number {
    return now() - this.#offered;
  }

  /** When the last one was sent, by the time that the client has had. */
  get lastSentFair(): Millis {
    return this.#lastSentFair;
  }

  /** Those that were sent, and did not reach the client for sure. */
  get lost(): number[] {
    return inOrder([...this.#sent].filter((seq) => !this.#arrived.has(seq)));
  }

  /** Those that it may not have read: lost, on their way, or sent just now. */
  get missing(): number[] {
    const sent = new Set([...this.#sent, ...this.#underWay]);
    return inOrder([...sent].filter((seq) => !this.isThere(seq)));
  }

  /** Whether it was sent, or is being sent just now. */
  isKnown(seq: number): boolean {
    return this.#sent.has(seq) || this.#underWay.includes(seq);
  }

  /** Whether it has come so long ago that the client has read it, by the time that the client has had. */
  isThere(seq: number): boolean {
    const since = this.#arrived.get(seq);
    return since !== undefined && this.#clock.now() - since > ON_ITS_WAY;
  }

  /** Whether one has reached it more than once. */
  get isDoubled(): boolean {
    return this.#isDoubled;
  }

  /** Whether the first so many have reached the client. */
  has(end: number): boolean {
    for (let seq = 0; seq < end; seq += 1) if (!this.#arrived.has(seq)) return false;
    return true;
  }

  /**
   * Sends those from `from` to before `to` for the first time.
   * @param hear what the client has said meanwhile, on a busy machine: it asks for what it waits for in vain, and
   * could not know of what is sent after that
   */
  async send(from: number, to: number, hear: () => Promise<void>): Promise<void> {
    const seqs = Array.from({ length: to - from }, (_, at) => from + at);
    if (this.#options.plan.backwards) seqs.reverse();
    const last = seqs.at(-1);
    this.#underWay = seqs;
    for (const [at, seq] of seqs.entries()) {
      if (at > 0 && this.sinceSent > STALLED) await hear();
      if (seq === last) await this.#sendStrays(seq);
      this.#sendPart(seq);
      if (at % BURST === BURST - 1) await this.#clock.wait(BURST_GAP_MS);
    }
    this.#underWay = [];
  }

  /** Sends those of them once more that were sent before. */
  resend(seqs: readonly number[]): void {
    for (const seq of seqs) if (this.#sent.has(seq)) this.#sendPart(seq);
  }

  async #sendStrays(before: number): Promise<void> {
    const { plan } = this.#options;
    const strays = plan.strays?.(this.#datagramOf(before)) ?? [];
    for (const stray of strays) {
      const from = plan.straysFromElsewhere ? ` from ${ELSEWHERE}` : '';
      this.#options.onStep(`a datagram of ${stray.length} bytes that is no part is sent${from}`);
      if (plan.straysFromElsewhere) {
        await sendFrom(ELSEWHERE, [stray], this.#port, this.#host, NO_PART);
        continue;
      }
      this.#put(stray);
      explainDatagram(NO_PART);
    }
  }

  #sendPart(seq: number): void {
    const nth = this.#counts.next(seq);
    this.#sent.add(seq);
    this.#sentNow();
    const datagram = this.#datagramOf(seq);
    const fate = this.#fateOf(seq, nth, this.count - 1);
    const what = explainFate(fate, datagram.length);
    const why = what && `${what}: ${this.#options.source}, part ${seq}, sending ${nth}`;
    if (fate.length === 0 && why !== undefined) {
      this.#options.onStep(`part ${seq}, sending ${nth}, is lost`);
      recordLost(this.#socket, datagram, { address: this.#host, port: this.#port }, why);
    }
    for (const copy of fate) {
      const isWhole = copy.corruptAt === undefined && copy.cutAt === undefined;
      const go = (): void => {
        this.#put(damaged(datagram, copy));
        if (why !== undefined) explainDatagram(why);
        if (!isWhole) return;
        if (this.#arrived.has(seq)) this.#isDoubled = true;
        else this.#arrived.set(seq, this.#clock.now());
      };
      if (copy.delay <= 0) go();
      else {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          this.#sentNow();
          go();
        }, copy.delay);
        this.#timers.add(timer);
      }
    }
  }

  #sentNow(): void {
    this.#lastSent = now();
    this.#lastSentFair = this.#clock.now();
  }

  #datagramOf(seq: number): Buffer {
    const { bytes, numbering } = this.#options;
    const payload = bytes.subarray(seq * SEGMENT_PAYLOAD, (seq + 1) * SEGMENT_PAYLOAD);
    const header = Buffer.alloc(5, ':');
    if (!numbering.endsWith('-endian')) {
      const digits = String(seq).padStart(numbering === 'ascii' ? 1 : 4, '0');
      return Buffer.concat([Buffer.from(`${digits}:`), payload]);
    }
    if (numbering === 'big-endian') header.writeUInt32BE(seq);
    else header.writeUInt32LE(seq);
    return Buffer.concat([header, payload]);
  }

  #put(datagram: Buffer): void {
    this.#socket.send(datagram, this.#port, this.#host, () => undefined);
  }
}

function inOrder(seqs: number[]): number[] {
  return seqs.sort((one, other) => one - other);
}
