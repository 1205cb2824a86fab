import { type Millis, millis } from '../core/brands.ts';
import type { ReRequest } from '../lab/grader/client-bench.ts';
import type { FairClock } from './fair-clock.ts';
import type { ProbeParts } from './probe-parts.ts';
import { lastFrame } from './tap.ts';

/** Messages that follow each other so soon are one question. */
const ONE_QUESTION = millis(20);

export interface ProbeReRequestsOptions {
  readonly parts: ProbeParts;
  readonly clock: FairClock;
  /** Whether a part has ever reached the client is not known. */
  readonly mayBeCutOff: boolean;
  /** So many are not answered. */
  readonly deafFor: number;
}

/** What a client under test asks for in a download, and what can be told from it. */
export class ProbeReRequests {
  readonly #options: ProbeReRequestsOptions;
  readonly all: ReRequest[] = [];
  #lastAsked: Millis = millis(Number.NEGATIVE_INFINITY);
  #deafFor: number;
  #isDeaf = false;
  #needless = 0;
  #repeated = 0;

  constructor(options: ProbeReRequestsOptions) {
    this.#options = options;
    this.#deafFor = options.deafFor;
  }

  /** How many in a row have asked for nothing that could be missing. */
  get needless(): number {
    return this.#needless;
  }

  /** How many of these, the last ones, ask for the same, of which some is there. */
  get repeated(): number {
    return this.#repeated;
  }

  /** Parts are about to be sent that could not be asked for before. */
  partsFollow(): void {
    this.#needless = 0;
    this.#repeated = 0;
  }

  /** Whatever is asked for from here on is another question. */
  end(): void {
    this.#lastAsked = millis(Number.NEGATIVE_INFINITY);
  }

  /**
   * Answers one, or does not.
   * @param inPause whether it came while the user was asked
   * @returns how many of its parts are there
   */
  hear(seqs: readonly number[], word: string, inPause: boolean): number {
    const { parts, clock, mayBeCutOff } = this.#options;
    const time = clock.now();
    const { lost, missing, isSending, lastSentFair } = parts;
    // What does not reach it does not start its timer: that runs from when it told its port.
    const isCutOff = mayBeCutOff && parts.areAllOf(seqs);
    const after = isCutOff ? parts.sinceOffered : parts.sinceSent;
    const fairAfter = time - lastSentFair;
    const ahead = seqs.filter((seq) => seq < parts.count && !parts.isKnown(seq));
    const last = this.all.at(-1);
    const isMore = last !== undefined && time - this.#lastAsked < ONE_QUESTION;
    this.#lastAsked = time;
    // Some name each part in a message of its own.
    if (isMore) {
      this.all[this.all.length - 1] = {
        ...last,
        ...{ seqs: [...last.seqs, ...seqs], ahead: [...last.ahead, ...ahead] },
      };
    } else {
      this.all.push({
        ...{ seqs: [...seqs], lost, missing, ahead, word, inPause, isSending, after, fairAfter },
        frame: lastFrame(),
      });
    }
    const known = seqs.filter((seq) => parts.isThere(seq)).length;
    if (seqs.some((seq) => missing.includes(seq))) {
      this.#needless = 0;
      this.#repeated = 0;
    }
    // Who is not answered asks for the same again.
    else if (!isMore && this.#deafFor === 0) {
      this.#needless += 1;
      const isSame = known > 0 && String(seqs) === String(last?.seqs);
      this.#repeated = isSame ? this.#repeated + 1 : 0;
    }
    if (!isMore) this.#isDeaf = this.#deafFor > 0;
    if (!this.#isDeaf) parts.resend(seqs);
    else if (!isMore && !isSending) this.#deafFor -= 1;
    return known;
  }
}
