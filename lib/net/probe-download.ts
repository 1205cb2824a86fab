import { createSocket, type Socket } from 'node:dgram';
import { type Millis, millis } from '../core/brands.ts';
import { type Copy, explainFate } from '../lab/faults.ts';
import { reRequestsFor } from '../lab/grader/re-requests-for.ts';
import type {
  DownloadPlan,
  DownloadRecord,
  RunningDownload,
  SentPart,
  ServerReadings,
} from '../lab/grader/server-bench.ts';
import { type Numbering, PartNumbers } from '../lab/part-number.ts';
import { SendingCounts } from '../lab/sending-counts.ts';
import { SEGMENT_PAYLOAD } from '../udp-reliable/segment.ts';
import { udpFamily } from './addresses.ts';
import type { FairClock } from './fair-clock.ts';
import type { ProbeTalker } from './probe-talker.ts';
import { explainDatagram, lastFrame, tapUdp } from './tap.ts';

/** Nothing for so long: what was sent has come. */
const QUIET = millis(120);
/** The first part may take longer, and the first one after `proceed`: programs look whether there is something to do. */
const FIRST_QUIET = millis(2000);
/** From a server whose parts have never come by themselves. */
const SHORT_FIRST_QUIET = millis(600);
/** After `proceed`, from a server that does not go on by itself. */
const NO_QUIET = millis(250);
/** Re-requests in a row that bring nothing. */
const MAX_SILENT_ROUNDS = 6;
/** From a server that has brought nothing to its end before. */
const FEW_SILENT_ROUNDS = 2;
/** Programs read messages into buffers of a kilobyte or two. */
const MOST_NUMBERS = 100;
/** Datagrams that are kept in mind: whatever a program floods. */
const MAX_PARTS = 20_000;
const MAX_STRAYS = 50;
/** What a server may say of the end. */
const FAREWELL = /last byte|100 ?%|downloaded|finished|complete/i;
const LAST_BYTE = /last byte/i;
const LAST_BYTE_PATIENCE = millis(200);
/** Whoever takes so long is not worth waiting for. */
const DOWNLOAD_LIMIT = millis(15_000);

export interface ProbeDownloadOptions {
  readonly talker: ProbeTalker;
  readonly file: string;
  readonly count: number;
  readonly clock: FairClock;
  readonly readings: ServerReadings;
  readonly plan: DownloadPlan;
  /** Where decisions about parts come from, like `seed 42`. */
  readonly source: string;
  readonly onStep: (text: string) => void;
}

/** The grader's side of one download: asks, counts, and asks again for what is missing. */
export class ProbeDownload implements RunningDownload {
  readonly #options: ProbeDownloadOptions;
  readonly #socket: Socket;
  readonly #numbers: PartNumbers;
  readonly #counts = new SendingCounts();
  readonly #payloads = new Map<number, Buffer>();
  /** Of each part, what its first sending had. */
  readonly #firstSent = new Map<number, Buffer>();
  readonly #parts: SentPart[] = [];
  #strayCount = 0;
  readonly #strays: { why: string; frame: number }[] = [];
  readonly #asked = new Map<number, number>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #clock: FairClock;
  readonly #endsAt: Millis;
  #lastNews: Millis;
  #newParts = 0;
  #source: { address: string; port: number } | undefined;
  #proceeded = false;
  #sentBeforePause: number | undefined;
  #lastWords = '';
  #wake: () => void = () => undefined;

  private constructor(options: ProbeDownloadOptions) {
    this.#options = options;
    this.#clock = options.clock;
    this.#lastNews = this.#clock.now();
    this.#endsAt = millis(this.#lastNews + DOWNLOAD_LIMIT);
    this.#numbers = new PartNumbers(options.count);
    const { address } = options.talker;
    this.#socket = createSocket({ type: udpFamily(address), recvBufferSize: 4 * 2 ** 20 });
    tapUdp(this.#socket);
    this.#socket.on('error', () => undefined);
    this.#socket.on('message', (datagram, from) => this.#onDatagram(datagram, from));
  }

  static async run(options: ProbeDownloadOptions): Promise<DownloadRecord> {
    const download = new ProbeDownload(options);
    try {
      await download.#run();
    } finally {
      for (const timer of download.#timers) clearTimeout(timer);
      download.#socket.close();
    }
    return download.record;
  }

  get record(): DownloadRecord {
    const { file, count } = this.#options;
    const missing = this.#missing(count);
    const all = Array.from({ length: count }, (_, seq) => this.#payloads.get(seq));
    const bytes = missing.length > 0 ? undefined : Buffer.concat(all.flatMap((one) => one ?? []));
    return {
      ...{ file, count, bytes, missing, parts: this.#parts },
      ...{ strays: this.#strays, strayCount: this.#strayCount },
      ...{ asked: this.#asked, sentBeforePause: this.#sentBeforePause },
      ...{ lastWords: this.#lastWords, numbering: this.numbering },
    };
  }

  get numbering(): Numbering | undefined {
    return this.#numbers.numbering;
  }

  async ask(seqs: readonly number[]): Promise<void> {
    for (let at = 0; at < seqs.length; at += MOST_NUMBERS) {
      if (!this.#options.talker.isOpen || this.#clock.now() > this.#endsAt) return;
      for (const seq of seqs.slice(at, at + MOST_NUMBERS)) {
        this.#asked.set(seq, (this.#asked.get(seq) ?? 0) + 1);
      }
      const words = seqs.slice(at, at + MOST_NUMBERS);
      for (const message of reRequestsFor(words, this.#options.readings)) {
        await this.#options.talker.say(message);
      }
    }
  }

  untilQuiet(quiet: number = QUIET): Promise<void> {
    return this.#untilQuietOr(() => false, quiet);
  }

  async #untilQuietOr(isDone: () => boolean, quiet: number): Promise<void> {
    const begin = this.#clock.now();
    while (!isDone()) {
      const wait = Math.max(this.#lastNews, begin) + quiet - this.#clock.now();
      if (wait <= 0 || this.#clock.now() > this.#endsAt) return;
      const news = new AbortController();
      this.#wake = () => news.abort();
      await this.#clock.wait(wait, news.signal);
    }
  }

  async #run(): Promise<void> {
    const { talker, readings, count } = this.#options;
    await new Promise<void>((resolve) => this.#socket.bind(0, talker.address, resolve));
    const { port } = this.#socket.address();
    await talker.say(readings.address === 'port' ? String(port) : `${talker.address}|${port}`);
    if (count > 0) await this.#collect();
    if (this.#options.plan.linger !== undefined) await this.untilQuiet(this.#options.plan.linger);
    if (this.#missing(count).length > 0 || !talker.isOpen) return;
    await talker.say('stop');
    const last = await talker.hearsLine(FAREWELL, readings.answersStop ? undefined : 300);
    this.#lastWords = last ?? '';
    if (last === undefined || LAST_BYTE.test(last)) return;
    // On a line of its own.
    const more = await talker.hearsLine(LAST_BYTE, LAST_BYTE_PATIENCE);
    if (more !== undefined) this.#lastWords += ` ${more}`;
  }

  async #collect(): Promise<void> {
    const { count, readings, plan, talker } = this.#options;
    const { takesSilenceForPause = false } = plan;
    const pauses = (readings.pauseAt !== undefined || takesSilenceForPause) && count > 1;
    const half = pauses ? Math.floor(count * (readings.pauseAt ?? 0)) : count;
    let silentRounds = 0;
    let hasAsked = false;
    const isDone = (): boolean => this.#has(this.#proceeded || takesSilenceForPause ? count : half);
    const firstQuiet = readings.reaches === 'download-whole' ? FIRST_QUIET : SHORT_FIRST_QUIET;
    await this.#untilQuietOr(() => this.#payloads.size > 0, firstQuiet);
    while (talker.isOpen && this.#clock.now() < this.#endsAt) {
      const before = this.#newParts;
      await this.#untilQuietOr(isDone, QUIET + 100 * silentRounds);
      // Not every server that pauses sends that much before.
      if (takesSilenceForPause && this.#missing(count).length === 0) return;
      const missing = this.#missing(this.#proceeded ? count : half);
      if (missing.length === 0 && !this.#proceeded && pauses) {
        if (!(await this.#answerPause())) return;
        silentRounds = 0;
        const known = this.#newParts;
        const quiet = readings.goesOn ? firstQuiet : NO_QUIET;
        await this.#untilQuietOr(() => this.#newParts > known, quiet);
        continue;
      }
      if (missing.length === 0) return;
      silentRounds = this.#newParts > before ? 0 : silentRounds + 1;
      if (
        silentRounds >
        (readings.reaches === 'download-whole' ? MAX_SILENT_ROUNDS : FEW_SILENT_ROUNDS)
      )
        return;
      if (!hasAsked) await plan.beforeAsking?.(this);
      hasAsked = true;
      await this.ask(missing);
    }
  }

  /** Whether it goes on. */
  async #answerPause(): Promise<boolean> {
    const { talker, readings, plan, onStep } = this.#options;
    const { answer = 'proceed', inPause, pause } = plan;
    if (pause !== undefined) await this.#clock.wait(pause);
    await inPause?.(this);
    this.#sentBeforePause = new Set(this.#parts.map(({ seq }) => seq)).size;
    this.#proceeded = answer === 'proceed';
    if (readings.proceedBy === 'udp' && this.#source !== undefined) {
      onStep(`${talker.name} says ${JSON.stringify(answer)} by UDP`);
      const { address, port } = this.#source;
      this.#socket.send(answer, port, address);
    } else await talker.say(answer);
    this.#lastNews = this.#clock.now();
    if (this.#proceeded) return true;
    this.#lastWords = (await talker.hearsLine(/stop/i)) ?? '';
    await this.untilQuiet(500);
    return false;
  }

  /** Whether all of the first so many have come. */
  #has(end: number): boolean {
    if (this.#payloads.size < end) return false;
    for (let seq = 0; seq < end; seq += 1) if (!this.#payloads.has(seq)) return false;
    return true;
  }

  /** Of the first so many, those that have not come. */
  #missing(end: number): number[] {
    const seqs = Array.from({ length: end }, (_, seq) => seq);
    return seqs.filter((seq) => !this.#payloads.has(seq));
  }

  #onDatagram(datagram: Buffer, from: { address: string; port: number }): void {
    const { talker, plan, source } = this.#options;
    this.#lastNews = this.#clock.now();
    if (from.address !== talker.address) return;
    this.#source = from;
    const header = this.#numbers.read(datagram);
    if (header === undefined) {
      this.#stray(whyNoPart(datagram));
      return;
    }
    const { seq, length } = header;
    const payload = datagram.subarray(length);
    const nth = this.#counts.next(seq);
    const last = this.#options.count - 1;
    const fate = plan.fateOf?.(seq, nth, last) ?? [{ delay: millis(0) }];
    const why = explainFate(fate, datagram.length);
    if (why !== undefined) explainDatagram(`${why}: ${source}, part ${seq}, sending ${nth}`);
    const whole = fate.filter(isWhole);
    if (nth === 1) this.#firstSent.set(seq, payload);
    const isSame = this.#firstSent.get(seq)?.equals(payload) ?? false;
    if (this.#parts.length < MAX_PARTS) {
      this.#parts.push({
        ...{ seq, nth, length: payload.length, isSame, afterProceed: this.#proceeded },
        ...{ arrived: whole.length > 0, frame: lastFrame() },
      });
    }
    for (const { delay } of whole) {
      if (delay <= 0) this.#keep(seq, payload);
      else {
        const timer = setTimeout(() => {
          this.#timers.delete(timer);
          this.#lastNews = this.#clock.now();
          this.#keep(seq, payload);
        }, delay);
        this.#timers.add(timer);
      }
    }
  }

  #keep(seq: number, payload: Buffer): void {
    if (this.#payloads.has(seq) || this.#payloads.size >= MAX_PARTS) return;
    this.#payloads.set(seq, payload);
    this.#newParts += 1;
    this.#wake();
  }

  #stray(why: string): void {
    this.#strayCount += 1;
    if (this.#strays.length < MAX_STRAYS) this.#strays.push({ why, frame: lastFrame() });
  }
}

/** A damaged copy is no part: a client ignores it. */
function isWhole({ corruptAt, cutAt }: Copy): boolean {
  return corruptAt === undefined && cutAt === undefined;
}

/** What is wrong with a datagram that cannot be read as a part. */
function whyNoPart(datagram: Buffer): string {
  const start = datagram.subarray(0, 8).toString('hex');
  if (datagram.length > SEGMENT_PAYLOAD + 5) return `it has ${datagram.length} bytes`;
  if (datagram.length < 6) return `it has ${datagram.length} bytes only`;
  if (datagram[4] !== 0x3a) return `its fifth byte is no ':' (it begins with ${start})`;
  return `no part has its number (it begins with ${start})`;
}
