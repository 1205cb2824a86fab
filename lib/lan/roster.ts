import { after, earliest, type Millis, millis } from '../core/brands.ts';

/** How often everybody says that he is there, and how long one who is silent counts as there. */
export const REPEAT = millis(30_000);
export const GONE_AFTER = millis(90_000);
/** Greetings that come within this time of each other are copies of one. */
export const COPIES_WITHIN = millis(1000);
/** Who knows nobody by then greets once more: his first greeting may have counted as a copy of who was there before. */
const ALONE_FOR = millis(1500);
/** Somebody who is known and greets sooner than this has been started again: he knows nobody. */
const RESTARTED_WITHIN = millis(25_000);
/** Answers are spread over this long for each one who is known, so that not all come at once. */
const SPREAD_PER_PEER = 5;
const LONGEST_SPREAD = 500;
/** So many answers that are due together go to everybody, as one. */
const ANSWER_ALL = 4;
/** Between two copies. */
const COPY_EVERY = millis(50);
/** What was on its way to this peer alone may come after the goodbye that everybody was told. */
const LATE_WITHIN = millis(10_000);
/** More are not known at a time. */
const MOST_PEERS = 4096;

/** What a datagram of presence says. */
export interface Greeting {
  /** `hello`: it has come, or is still there; `answer`: to a hello; `bye`: it leaves. */
  readonly word: 'hello' | 'answer' | 'bye';
  readonly name: string;
}

export interface Peer {
  readonly address: string;
  readonly name: string;
}

export type RosterEffect =
  /** To one address, or to everybody when absent. */
  | { readonly type: 'say'; readonly word: Greeting['word']; readonly to: string | undefined }
  | { readonly type: 'came'; readonly peer: Peer }
  | { readonly type: 'renamed'; readonly peer: Peer; readonly before: string }
  | { readonly type: 'left'; readonly peer: Peer; readonly silent: boolean };

interface Known {
  name: string;
  heardAt: Millis;
  /** When it greeted last. */
  greetedAt: Millis | undefined;
}

export interface RosterOptions {
  /** How often each greeting is said, for networks that lose datagrams. */
  readonly copies: number;
  /** Whether an answer is told from a greeting on the wire. */
  readonly answersDiffer: boolean;
  /** From 0 to 1. */
  readonly random: () => number;
}

/**
 * Who is there, among peers that have no server: each says so when it comes, and again from time to
 * time; those who are there answer a newcomer. (Source of both protocols: joining and leaving.)
 */
export class Roster {
  readonly #options: RosterOptions;
  /** Who was heard longest ago comes first. */
  readonly #known = new Map<string, Known>();
  /** Who has said goodbye, and when. */
  readonly #gone = new Map<string, Millis>();
  /** Whom to answer, and when. */
  readonly #owed = new Map<string, Millis>();
  #nextHello: Millis | undefined;
  /** When to greet again, should nobody be known: once, after the start. */
  #lookAgain: Millis | undefined;
  #hasBegun = false;
  #hasLeft = false;
  /** Copies that are still to be said. */
  #copies: { readonly word: Greeting['word']; left: number; at: Millis } | undefined;

  constructor(options: RosterOptions) {
    this.#options = options;
  }

  get peers(): readonly Peer[] {
    return [...this.#known].map(([address, { name }]) => ({ address, name }));
  }

  find(address: string): Peer | undefined {
    const known = this.#known.get(address);
    return known && { address, name: known.name };
  }

  /** Why one who calls himself `name` at this address cannot be, by what everybody was told. */
  whyNot(address: string, name: string): string | undefined {
    const known = this.#known.get(address);
    if (known !== undefined) {
      return known.name === name ? undefined : `${address} is ${known.name}, and not ${name}`;
    }
    const other = this.peers.find((peer) => peer.name === name);
    return other && `${name} is at ${other.address}, and not at ${address}`;
  }

  /** Says that this one is there: at the start, and whenever it is to be said again. */
  greet(now: Millis): readonly RosterEffect[] {
    this.#hasLeft = false;
    this.#nextHello = after(now, REPEAT);
    this.#lookAgain = this.#hasBegun ? undefined : after(now, ALONE_FOR);
    this.#hasBegun = true;
    return this.#sayToAll('hello', now);
  }

  /** The last word. What it returns is followed by the copies of {@link onTimeout}. */
  leave(now: Millis): readonly RosterEffect[] {
    this.#nextHello = undefined;
    this.#lookAgain = undefined;
    this.#owed.clear();
    this.#hasLeft = true;
    return this.#sayToAll('bye', now);
  }

  /**
   * @param address where it came from; what it says of itself is not asked.
   * @param direct whether it was said to this peer alone, and may have overtaken, or been overtaken.
   */
  heard(
    address: string,
    { word, name }: Greeting,
    now: Millis,
    direct = false,
  ): readonly RosterEffect[] {
    if (this.#hasLeft) return [];
    const known = this.#known.get(address);
    if (word === 'bye') return this.#hearBye(address, known, now);
    if (direct && this.#hasJustLeft(address, now)) return [];
    this.#gone.delete(address);
    const isHello = word === 'hello' || !this.#options.answersDiffer;
    if (isHello && this.#knowsNobody(known, now)) this.#owe(address, now);
    if (known === undefined) return this.#welcome(address, name, isHello, now);
    known.heardAt = now;
    this.#known.delete(address);
    this.#known.set(address, known);
    if (isHello) known.greetedAt = now;
    if (known.name === name) return [];
    const before = known.name;
    known.name = name;
    return [{ type: 'renamed', peer: { address, name }, before }];
  }

  /** When a copy of what was said last is to be said, if one is. */
  get nextCopy(): Millis | undefined {
    return this.#copies?.at;
  }

  nextTimeout(): Millis | undefined {
    let at = earliest(earliest(this.#nextHello, this.#lookAgain), this.#copies?.at);
    for (const due of this.#owed.values()) at = earliest(at, due);
    for (const { heardAt } of this.#known.values()) return earliest(at, after(heardAt, GONE_AFTER));
    return at;
  }

  onTimeout(now: Millis): readonly RosterEffect[] {
    const effects: RosterEffect[] = [];
    for (const [address, known] of this.#known) {
      if (now < after(known.heardAt, GONE_AFTER)) break;
      effects.push(...this.#forget(address, known, true));
    }
    if (this.#isTimeToGreet(now)) effects.push(...this.greet(now));
    effects.push(...this.#sayCopies(now), ...this.#answer(now));
    return effects;
  }

  #isTimeToGreet(now: Millis): boolean {
    if (this.#nextHello !== undefined && now >= this.#nextHello) return true;
    if (this.#lookAgain === undefined || now < this.#lookAgain) return false;
    this.#lookAgain = undefined;
    return this.#known.size === 0;
  }

  #hearBye(address: string, known: Known | undefined, now: Millis): readonly RosterEffect[] {
    this.#gone.delete(address);
    this.#gone.set(address, now);
    const [oldest] = this.#gone.keys();
    if (this.#gone.size > MOST_PEERS && oldest !== undefined) this.#gone.delete(oldest);
    return known === undefined ? [] : this.#forget(address, known, false);
  }

  #hasJustLeft(address: string, now: Millis): boolean {
    const left = this.#gone.get(address);
    return left !== undefined && now - left < LATE_WITHIN;
  }

  /** Whether one who greets has just come, as far as one can tell. */
  #knowsNobody(known: Known | undefined, now: Millis): boolean {
    if (known?.greetedAt === undefined) return known === undefined || this.#options.answersDiffer;
    const since = now - known.greetedAt;
    return since > COPIES_WITHIN && since < RESTARTED_WITHIN;
  }

  #welcome(address: string, name: string, isHello: boolean, now: Millis): readonly RosterEffect[] {
    if (this.#known.size >= MOST_PEERS) return [];
    this.#known.set(address, { name, heardAt: now, greetedAt: isHello ? now : undefined });
    return [{ type: 'came', peer: { address, name } }];
  }

  #forget(address: string, { name }: Known, silent: boolean): readonly RosterEffect[] {
    this.#known.delete(address);
    this.#owed.delete(address);
    return [{ type: 'left', peer: { address, name }, silent }];
  }

  #owe(address: string, now: Millis): void {
    if (this.#owed.has(address) || this.#owed.size >= MOST_PEERS) return;
    const spread = Math.min(LONGEST_SPREAD, SPREAD_PER_PEER * this.#known.size);
    this.#owed.set(address, after(now, millis(spread * this.#options.random())));
  }

  #answer(now: Millis): readonly RosterEffect[] {
    const due = [...this.#owed].filter(([, at]) => now >= at).map(([address]) => address);
    if (due.length === 0) return [];
    // When many come at once, one answer does for all who are there by now.
    if (this.#owed.size >= ANSWER_ALL) {
      this.#owed.clear();
      return this.#sayToAll('answer', now);
    }
    for (const address of due) this.#owed.delete(address);
    return due.map((to) => ({ type: 'say', word: 'answer', to }));
  }

  #sayToAll(word: Greeting['word'], now: Millis): readonly RosterEffect[] {
    const left = this.#options.copies - 1;
    this.#copies = left > 0 ? { word, left, at: after(now, COPY_EVERY) } : undefined;
    return [{ type: 'say', word, to: undefined }];
  }

  #sayCopies(now: Millis): readonly RosterEffect[] {
    const copies = this.#copies;
    if (copies === undefined || now < copies.at) return [];
    copies.left -= 1;
    copies.at = after(now, COPY_EVERY);
    if (copies.left === 0) this.#copies = undefined;
    return [{ type: 'say', word: copies.word, to: undefined }];
  }
}
