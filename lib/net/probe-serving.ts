import { setImmediate } from 'node:timers/promises';
import { type Millis, millis, parsePort } from '../core/brands.ts';
import type { ClientReadings, ServingPlan, ServingRecord } from '../lab/grader/client-bench.ts';
import { addressIn, questionIn, wordsOf } from '../lab/grader/heard-text.ts';
import type { Patience } from '../lab/grader/patience.ts';
import type { FairClock } from './fair-clock.ts';
import { ProbeParts } from './probe-parts.ts';
import { ProbeReRequests } from './probe-re-requests.ts';
import type { ProbeTalker } from './probe-talker.ts';

const LIMIT = millis(15_000);
/** For a client that has brought nothing to its end before. */
const SHORT_LIMIT = millis(5000);
/** Such a client has given up when it says nothing for so long: its timer has not grown to that. */
const GIVEN_UP = millis(700);
/** Timers have not grown to that when all that was lost has been asked for. */
const LONG_SILENCE = millis(2000);
/** So many times as long as it has been silent before: its timer grows. */
const TIMES_LONGEST = 1.5;
/** Re-requests in a row for nothing that could be missing: it will not come further. */
const MOST_NEEDLESS = 8;
/** For the very same. */
const MOST_REPEATED = 5;
/** The same where it should ask its user instead. */
const MOST_REPEATED_IN_PAUSE = 4;
const FEW_NEEDLESS = 2;
const TURN = millis(40);
/** What is heard while parts are being sent. */
const MOST_ASIDE = 50;
/** The document has a pause at 50 % and, in another place, at 20 %. */
const EARLY_PAUSE = 0.2;
const EARLY_PATIENCE = millis(700);
const QUESTION_PATIENCE = millis(2500);
/** For a client that has never brought anything to its end. */
const SHORT_QUESTION_PATIENCE = millis(700);
const ANSWER_PATIENCE = millis(5000);
const SHORT_ANSWER_PATIENCE = millis(1250);
/** From a client that has brought a download to its end without an answer. */
const NO_ANSWER_PATIENCE = millis(500);
/** In which a client asks for parts at the pause, if it does. */
const LOUD_WITHIN = millis(800);
/** For one that has never asked anything, either. */
const LEAST_PATIENCE = millis(100);
const STOP_PATIENCE = millis(3000);
/** A question that stands there for so long waits for its answer. */
const STANDING = millis(300);
const TRIAL_PATIENCE = millis(1500);
/** From a client that says no stop. */
const NO_STOP_PATIENCE = millis(300);

/** The user in front of the client, as the grader plays him. */
export interface User {
  readonly name: string;
  /** Waits until he is asked at the pause. @returns whether the terminal has shown a question */
  isAsked(patience: Millis): Promise<boolean>;
  /** Whether the terminal shows the question that is known from another download. */
  isAskedAgain(): boolean;
  types(line: string): Promise<void>;
}

export interface ProbeServingOptions {
  readonly talker: ProbeTalker;
  readonly file: string;
  readonly bytes: Buffer;
  readonly clock: FairClock;
  readonly patience: Patience;
  readonly readings: ClientReadings;
  readonly plan: ServingPlan;
  /** Where decisions about parts come from, like `seed 42`. */
  readonly source: string;
  readonly user: User;
  readonly onStep: (text: string) => void;
}

type Mutable<Shape> = { -readonly [Key in keyof Shape]: Shape[Key] };
/** What comes after the last word of the server is not seen here. */
export type Served = Omit<
  ServingRecord,
  'saved' | 'savedAfter' | 'newName' | 'savedAs' | 'shown' | 'question' | 'nameQuestion'
>;
type Seen = Mutable<Served>;

/** The grader's side of a download of a client under test: sends the parts, and hears what it asks for. */
export class ProbeServing {
  readonly #options: ProbeServingOptions;
  readonly #parts: ProbeParts;
  readonly #count: number;
  #half: number;
  readonly #reRequests: ProbeReRequests;
  readonly #others: string[] = [];
  #endsAt: Millis;
  readonly #clock: FairClock;
  /** Nothing is said by the client about going on, and no part of the second half has been sent. */
  #isPaused = false;
  /** Of one message, those that were not looked at yet. */
  readonly #words: string[] = [];
  /** Between two things that happened, before the client said something. */
  #longestSilence = 0;
  #lastHeard = millis(0);
  readonly #seen: Seen;

  private constructor(options: ProbeServingOptions) {
    this.#options = options;
    const { bytes, file, readings, plan, clock, source, onStep } = options;
    this.#parts = new ProbeParts({
      ...{ bytes, plan, clock, source, onStep, numbering: readings.numbering },
      onDatagram: (datagram) => this.#onDatagram(datagram),
    });
    this.#count = this.#parts.count;
    const share = readings.asksAt ?? 0.5;
    this.#half = this.#count < 2 ? this.#count : Math.max(1, Math.floor(this.#count * share));
    this.#clock = clock;
    this.#endsAt = millis(this.#clock.now() + (this.#isWorking ? LIMIT : SHORT_LIMIT));
    const { deafFor = 0 } = plan;
    this.#reRequests = new ProbeReRequests({
      ...{ parts: this.#parts, clock, deafFor, mayBeCutOff: !this.#isWorking },
    });
    this.#seen = {
      ...{ file, count: this.#count, port: undefined, address: undefined },
      ...{ reRequests: this.#reRequests.all, others: this.#others, asked: false, stopped: false },
      ...{ answer: undefined, answeredBy: undefined, answeredEarly: false },
      ...{ asksAt: undefined, delivered: false, isDoubled: false },
      ...{ isFruitless: false, misread: false },
    };
  }

  /** Up to the last word of the server; what the client does then is not seen here. */
  static async run(options: ProbeServingOptions): Promise<Served> {
    const serving = new ProbeServing(options);
    try {
      await serving.#run();
    } finally {
      serving.#parts.close();
    }
    return serving.#seen;
  }

  async #run(): Promise<void> {
    const { talker } = this.#options;
    await this.#parts.open(talker.address);
    await talker.say(`|${this.#count}`);
    if (!(await this.#hearsAddress())) return;
    const { plan, readings } = this.#options;
    const isPaused = this.#half < this.#count;
    let sent = 0;
    if (plan.aside !== undefined) await this.#options.talker.say(plan.aside);
    if (plan.waitsEarly && isPaused) {
      sent = Math.floor(this.#count * EARLY_PAUSE);
      await this.#send(0, sent);
      if (await this.#isAskedWithin(EARLY_PATIENCE)) {
        this.#seen.asksAt = EARLY_PAUSE;
        this.#half = sent;
      }
    }
    await this.#send(sent, this.#half);
    if (isPaused) {
      this.#isPaused = true;
      await this.#until(() => this.#parts.has(this.#half) || this.#seen.answer !== undefined);
      const goesOn = await this.#pause();
      this.#isPaused = false;
      if (!goesOn) return;
      if (plan.aside !== undefined) await this.#options.talker.say(plan.aside);
      await this.#send(this.#half, this.#count);
    }
    await this.#until(() => this.#parts.has(this.#count));
    this.#seen.delivered = this.#parts.has(this.#count) && !this.#seen.isFruitless;
    this.#seen.isDoubled = this.#parts.isDoubled;
    const isAlive = this.#seen.asked || this.#reRequests.all.length > 0 || !plan.isTrial;
    const patience = isAlive ? STOP_PATIENCE : TRIAL_PATIENCE;
    await this.#untilStopped(readings.saysStop ? patience : NO_STOP_PATIENCE);
    if (this.#seen.delivered) await this.#sayFarewell();
  }

  /** A client may ask about a file of one part, too: half of it is there with all of it. */
  async #untilStopped(patience: Millis): Promise<void> {
    const { user } = this.#options;
    let since: number | undefined;
    const isAsked = (): boolean => {
      const isSo = this.#half === this.#count && user.isAskedAgain();
      since = isSo ? (since ?? this.#clock.now()) : undefined;
      return since !== undefined && this.#clock.now() - since >= STANDING;
    };
    await this.#until(() => this.#seen.stopped || isAsked(), patience);
    if (this.#seen.stopped || !isAsked()) return;
    await user.types('proceed');
    await this.#until(() => this.#seen.stopped, patience);
  }

  async #hearsAddress(): Promise<boolean> {
    const { talker } = this.#options;
    // For an empty file a client may see no need for it.
    const message = await talker.nextMessage(this.#count === 0 ? 2500 : undefined);
    this.#lastHeard = this.#clock.now();
    const { host, digits = '', word } = addressIn(message ?? '') ?? {};
    const port = parsePort(digits);
    if (port === undefined) {
      if (message?.trim() === 'stop' && this.#count === 0) this.#onWord('stop');
      else if (message !== undefined) this.#others.push(message.trim());
      return this.#count === 0 && (await this.#emptyIsOver());
    }
    if (word !== undefined) (this.#count === 0 ? this.#words : this.#others).push(word);
    this.#parts.aimAt(talker.peerAddress, port);
    this.#seen.port = port;
    this.#seen.address = host === undefined ? 'port' : 'ip-port';
    return this.#count > 0 || (await this.#emptyIsOver());
  }

  /** An empty file has no parts: the client may say `stop` at once. */
  async #emptyIsOver(): Promise<false> {
    this.#seen.delivered = true;
    await this.#until(() => this.#seen.stopped, 2500);
    await this.#sayFarewell();
    return false;
  }

  async #sayFarewell(): Promise<void> {
    const { talker, bytes, user } = this.#options;
    const last = bytes.at(-1) ?? 'none';
    await talker.say(`User ${user.name} downloaded 100% out of file. Last byte is: ${last}`);
  }

  /** Whether the client wants to go on. */
  async #pause(): Promise<boolean> {
    const { user, plan, talker } = this.#options;
    const { answer = 'proceed', pause = 0 } = plan;
    const seen = this.#seen;
    seen.asked = await this.#isAskedWithin(this.#questionPatience);
    if (seen.asked) seen.asksAt ??= 0.5;
    if (seen.asked || this.#isWorking) {
      // Whoever is not asked does not think.
      const span = seen.asked ? pause : Math.min(pause, LOUD_WITHIN);
      const end = this.#clock.now() + span;
      await this.#until(() => this.#clock.now() >= end || seen.answer !== undefined, span + 1000);
    }
    seen.answeredEarly = seen.answer !== undefined;
    if (!seen.answeredEarly) {
      await user.types(answer);
      await this.#until(() => seen.answer !== undefined, this.#answerPatience);
    }
    // Whoever asks nobody goes on: it is one mistake, and not all that follow.
    if (seen.answer === undefined || seen.answer === 'proceed') return true;
    await talker.say('download stopped');
    return false;
  }

  /** Whether the user is asked in time, before the client says anything but what is missing; that is heard meanwhile. */
  async #isAskedWithin(patience: Millis): Promise<boolean> {
    let asked: boolean | undefined;
    void this.#options.user.isAsked(patience).then((yes) => {
      asked = yes;
    });
    await this.#until(() => asked !== undefined || this.#seen.answer !== undefined);
    return asked ?? false;
  }

  /** Whether it has brought a download to its end, as far as is known. */
  get #isWorking(): boolean {
    return this.#options.readings.reaches === 'download-whole';
  }

  get #questionPatience(): Millis {
    const { asksAt, proceedBy } = this.#options.readings;
    if (this.#isWorking && asksAt !== undefined) return QUESTION_PATIENCE;
    // It may ask in words that are not known: then it answers what was typed.
    return (asksAt ?? proceedBy) ? SHORT_QUESTION_PATIENCE : LEAST_PATIENCE;
  }

  get #answerPatience(): Millis {
    const { asksAt, proceedBy } = this.#options.readings;
    if (asksAt === undefined && proceedBy === undefined) return LEAST_PATIENCE;
    if (this.#isWorking && proceedBy === undefined) return NO_ANSWER_PATIENCE;
    // One that has not been asked yet may not want an answer at all.
    const isLikely = this.#isWorking && proceedBy !== undefined && this.#seen.asked;
    return isLikely ? ANSWER_PATIENCE : SHORT_ANSWER_PATIENCE;
  }

  /** Whether the client says nothing more, or nothing that brings it further. */
  #givesUp(): boolean {
    // Nothing is to be heard while its user thinks, and some ask for what was not sent yet.
    const isPaused = this.#isPaused && this.#parts.has(this.#half);
    const most = this.#isWorking ? MOST_NEEDLESS : FEW_NEEDLESS;
    const { needless, repeated } = this.#reRequests;
    const isStuck = isPaused
      ? repeated >= MOST_REPEATED_IN_PAUSE && !this.#seen.asked
      : repeated >= MOST_REPEATED || needless >= most;
    if (isStuck) {
      this.#seen.isFruitless = true;
      return true;
    }
    if (isPaused || !this.#isSilent) return false;
    this.#options.patience.silent();
    return true;
  }

  get #silence(): number {
    return this.#clock.now() - Math.max(this.#parts.lastSentFair, this.#lastHeard);
  }

  get #isSilent(): boolean {
    const { span } = this.#options.patience;
    const patience = Math.max(LONG_SILENCE, span, TIMES_LONGEST * this.#longestSilence);
    return this.#silence > (this.#isWorking ? patience : GIVEN_UP);
  }

  /** Sends these parts for the first time. */
  async #send(from: number, to: number): Promise<void> {
    this.#reRequests.partsFollow();
    const sending = this.#parts.send(from, to, () => this.#hearMeanwhile());
    // What was said with the answer is about these, and could not know of any of them.
    for (const word of this.#words.splice(0)) this.#onWord(word.trim());
    await sending;
  }

  /** What has come, and no more. */
  async #hearMeanwhile(): Promise<void> {
    const { talker } = this.#options;
    // It is read in between.
    await setImmediate();
    for (let words = 0; words < MOST_ASIDE && talker.unread !== ''; words += 1) {
      const word = await this.#nextWord();
      if (word !== undefined) this.#onWord(word);
    }
  }

  #onDatagram(datagram: Buffer): void {
    const text = datagram.toString('utf8').trim();
    this.#options.onStep(`${this.#options.talker.name} says ${JSON.stringify(text)} by UDP`);
    if (this.#seen.answer !== undefined) return;
    this.#seen.answer = text;
    this.#seen.answeredBy = 'udp';
  }

  /** Reads what the client says until it is so. */
  async #until(isSo: () => boolean, patience: number = LIMIT): Promise<void> {
    const { talker } = this.#options;
    const end = this.#clock.now() + patience;
    while (!isSo() && this.#clock.now() < Math.min(this.#endsAt, end) && talker.isOpen) {
      const word = await this.#nextWord();
      if (word !== undefined) this.#onWord(word);
      else if (this.#givesUp()) this.#endsAt = this.#clock.now();
    }
  }

  /** @returns `undefined` when the client says nothing for a moment */
  async #nextWord(): Promise<string | undefined> {
    const word = this.#words.shift();
    if (word !== undefined) return word.trim();
    const { talker } = this.#options;
    const message = await talker.nextMessage(TURN);
    if (message === undefined) return undefined;
    this.#longestSilence = Math.max(this.#longestSilence, this.#silence);
    this.#lastHeard = this.#clock.now();
    // What was said behind an answer is about what is sent after it.
    this.#words.push(...(talker.framing === 'bare' ? wordsOf(message, this.#count) : [message]));
    return this.#words.shift()?.trim();
  }

  #onWord(text: string): void {
    const question = questionIn(text);
    if (question !== undefined) this.#onReRequest(question.seqs, question.word);
    else if (text === 'stop' && this.#parts.has(this.#count)) this.#seen.stopped = true;
    else if (
      this.#seen.answer === undefined &&
      this.#parts.sentCount > 0 &&
      !this.#parts.has(this.#count)
    ) {
      this.#seen.answer = text;
      this.#seen.answeredBy = 'tcp';
      this.#reRequests.end();
    } else if (text !== '') this.#others.push(text);
  }

  #onReRequest(seqs: readonly number[], word: string): void {
    const inPause =
      this.#isPaused && this.#seen.answer === undefined && this.#parts.has(this.#half);
    const { sentCount } = this.#parts;
    const known = this.#reRequests.hear(seqs, word, inPause);
    if (!this.#options.plan.isTrial || known <= sentCount / 2) return;
    this.#seen.misread = true;
    this.#endsAt = this.#clock.now();
  }
}
