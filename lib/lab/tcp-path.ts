import { after, type Millis, millis } from '../core/brands.ts';

/** What a path does to what is written on a TCP connection; absent means nothing. */
export interface TcpFaults {
  readonly delay?: Millis;
  /** Bytes a second. */
  readonly rate?: number;
  /** Nobody gets more than so many bytes at once, and then nothing for `gap`. */
  readonly split?: number;
  readonly gap?: Millis;
  /** What is written within this time arrives in one. */
  readonly glue?: Millis;
  /** When the connection breaks. */
  readonly breakAt?: Moment;
}

/** Of a connection: after so much time, so many bytes either way, or when that part is first sent. */
export type Moment =
  | { readonly type: 'time'; readonly after: Millis }
  | { readonly type: 'bytes'; readonly count: number }
  | { readonly type: 'part'; readonly seq: number };

const GAP = millis(5);

/** What arrives: bytes, the end of what that side says, or that the connection was broken there. */
export type Arrival = Buffer | 'end' | 'reset';

interface Write {
  readonly at: Millis;
  readonly what: Arrival;
}

/** One direction of a TCP connection: when what is written on one side arrives on the other, and in what pieces. */
export class TcpPath {
  readonly #faults: TcpFaults;
  /** Soonest first. */
  readonly #writes: Write[] = [];
  #glued: Buffer[] = [];
  #glueUntil: Millis | undefined;
  /** Nothing arrives before what was written before it. */
  #freeAt = millis(0);
  #waitingBytes = 0;

  constructor(faults: TcpFaults = {}) {
    this.#faults = faults;
  }

  /** Bytes that have not arrived. */
  get waitingBytes(): number {
    return this.#waitingBytes;
  }

  push(bytes: Buffer, now: Millis): void {
    const { glue } = this.#faults;
    this.#waitingBytes += bytes.length;
    if (glue === undefined) {
      this.#send(bytes, now);
      return;
    }
    this.#glued.push(bytes);
    this.#glueUntil ??= after(now, glue);
  }

  /** That side has nothing more to say. */
  end(now: Millis, how: 'end' | 'reset' = 'end'): void {
    this.#sendGlued(now);
    this.#writes.push({ at: this.#departure(0, now), what: how });
  }

  /** What arrives by now: a write each. */
  *take(now: Millis): Generator<Arrival> {
    if (this.#glueUntil !== undefined && now >= this.#glueUntil) this.#sendGlued(this.#glueUntil);
    for (;;) {
      const [next] = this.#writes;
      if (next === undefined || next.at > now) return;
      this.#writes.shift();
      if (Buffer.isBuffer(next.what)) this.#waitingBytes -= next.what.length;
      yield next.what;
    }
  }

  nextTimeout(): Millis | undefined {
    return this.#writes[0]?.at ?? this.#glueUntil;
  }

  #sendGlued(now: Millis): void {
    const bytes = Buffer.concat(this.#glued);
    this.#glued = [];
    this.#glueUntil = undefined;
    if (bytes.length > 0) this.#send(bytes, now);
  }

  #send(bytes: Buffer, now: Millis): void {
    const { split = bytes.length } = this.#faults;
    for (let at = 0; at < bytes.length; at += split) {
      const piece = bytes.subarray(at, at + split);
      this.#writes.push({ at: this.#departure(piece.length, now), what: piece });
    }
  }

  /** When a write of so many bytes arrives. */
  #departure(bytes: number, now: Millis): Millis {
    const { delay = millis(0), rate, split, gap = GAP } = this.#faults;
    const begins = Math.max(now, this.#freeAt);
    const arrives = rate === undefined ? begins : begins + (bytes * 1000) / rate;
    this.#freeAt = millis(split === undefined ? arrives : arrives + gap);
    return after(millis(arrives), delay);
  }
}
