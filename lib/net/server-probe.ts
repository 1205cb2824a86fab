import { type Millis, millis } from '../core/brands.ts';
import { FaultPlan, type Faults } from '../lab/faults.ts';
import { CheckEnded } from '../lab/grader/check.ts';
import { CheckNotes } from '../lab/grader/check-notes.ts';
import type { Patience } from '../lab/grader/patience.ts';
import { hearsGreeting } from '../lab/grader/server/common.ts';
import type {
  DownloadPlan,
  DownloadRecord,
  ProgramUnderTest,
  ServerBench,
  ServerReadings,
  Talker,
} from '../lab/grader/server-bench.ts';
import { findReadings, USUAL_READINGS } from '../lab/grader/server-readings.ts';
import { countDatagrams } from './count-datagrams.ts';
import { FairClock } from './fair-clock.ts';
import { ProbeDownload } from './probe-download.ts';
import { ProbeTalker } from './probe-talker.ts';
import { lastFrame } from './tap.ts';

const HOST = '127.0.0.1';
/** Of this machine as well, where 127.0.0.0/8 is whole; otherwise nothing can come there. */
const OTHER_HOST = '127.0.0.2';
/** How long a connection may take: far more than any needs. */
const CONNECTION_PATIENCE = millis(3000);
const GREETING_PATIENCE = 500;
/** A server hears at once that a client has gone; some do not listen. */
const CLOSING_PATIENCE = 100;
/** The number of parts of a file. */
const ANNOUNCED = /\|[^\S\n]{0,3}(\d{1,9})(?!\d)/;
/** More than any file has that is offered. */
const MOST_PARTS = 2000;

export interface ServerProbeOptions {
  readonly ports: readonly number[];
  readonly files: Readonly<Record<string, Buffer>>;
  readonly program: ProgramUnderTest;
  /** With this program, in all probes of it. */
  readonly patience: Patience;
}

/** The path that a check wants. */
export interface ProbePath {
  readonly faults: Faults;
  readonly seed: number;
}

/** Talks with a server under test, for one check or to find out how it reads the document. */
export class ServerProbe extends CheckNotes implements ServerBench {
  readonly #options: ServerProbeOptions;
  readonly #path: ProbePath;
  readonly #plan: FaultPlan;
  readonly #talkers = new Set<ProbeTalker>();
  readonly clock: FairClock;
  #isClosed = false;
  readonly readings: ServerReadings;
  static #names = 0;

  constructor(
    options: ServerProbeOptions,
    readings: ServerReadings = USUAL_READINGS,
    path: ProbePath = { faults: {}, seed: 1 },
  ) {
    super();
    this.#options = options;
    this.clock = new FairClock(() => options.program.waited());
    this.readings = readings;
    this.#path = path;
    this.#plan = new FaultPlan(path.faults, path.seed);
  }

  /** Finds out how a server reads the document. */
  static async read(options: ServerProbeOptions): Promise<ServerReadings> {
    const probe = new ServerProbe(options);
    try {
      return await findReadings({
        restart: async () => {
          await probe.#endTalkers();
          return await options.program.restart();
        },
        open: (readings) => probe.#open(readings, options.ports[0] ?? 0),
        download: (talker, file, readings, plan) => probe.#fetch(talker, file, readings, plan),
        newName: () => probe.newName(),
      });
    } finally {
      await probe.close();
    }
  }

  protected override get lastFrame(): number {
    return lastFrame();
  }

  get files(): Readonly<Record<string, Buffer>> {
    return this.#options.files;
  }

  get ports(): readonly number[] {
    return this.#options.ports;
  }

  get program(): ProgramUnderTest {
    return this.#options.program;
  }

  readonly fateOf: ServerBench['fateOf'] = (seq, nth, last) => this.#plan.fateOf(seq, nth, last);

  newName(stem = 'probe'): string {
    ServerProbe.#names += 1;
    return `${stem}${ServerProbe.#names}`;
  }

  async tryConnect(port = this.ports[0] ?? 0, patience: number = CONNECTION_PATIENCE) {
    return await this.#open(this.readings, port, this.newName(), millis(patience));
  }

  async connect(port = this.ports[0] ?? 0): Promise<Talker> {
    return (await this.tryConnect(port)) ?? this.#noConnection(port);
  }

  async login(stem = 'ann', port = this.ports[0] ?? 0): Promise<Talker> {
    const talker = await this.#open(this.readings, port, this.newName(stem));
    if (talker === undefined) this.#noConnection(port);
    await talker.say(`connect|${talker.name}`);
    const answer = await talker.hearsLine(/connect|taken|illegal/i);
    if (answer === undefined || /can.?t|taken|illegal/i.test(answer)) {
      this.fail({
        wrong: `${talker.name} cannot connect`,
        ...{ expected: 'connected', got: (answer ?? talker.unread) || 'nothing' },
      });
    }
    // Its own "NAME is connected" and "connected" may come in any order, one after the other.
    const isAll = !answer.includes(talker.name) || /connected.*connected/i.test(answer);
    const isSecond =
      !isAll && this.readings.confirms && (await talker.hears(/connected/i, 300)) !== undefined;
    await this.wait(this.readings.says === 'line' || isSecond ? 30 : 120);
    talker.forget();
    return talker;
  }

  async download(talker: Talker, file: string, plan: DownloadPlan = {}): Promise<DownloadRecord> {
    const record = await this.#fetch(talker, file, this.readings, plan);
    if (typeof record === 'object') return record;
    if (record === undefined) {
      return this.fail({
        wrong: `the number of parts of ${file} is not told`,
        ...{ expected: '| and a number', got: talker.unread || 'nothing' },
      });
    }
    return this.fail({
      wrong: `${file} is said to have far more parts than it can have`,
      ...{ expected: 'its size divided by 2043, rounded up', got: `|${record}` },
    });
  }

  async datagramsAtAnother(talker: Talker, file: string): Promise<number> {
    await talker.say(`download|${file}`);
    await talker.hears(/\|\s*\d+/);
    return await countDatagrams(OTHER_HOST, async (port) => {
      await talker.say(`${OTHER_HOST}|${port}`);
      await this.wait(600);
    });
  }

  wait(span: number): Promise<void> {
    return this.clock.wait(span);
  }

  /**
   * Ends all connections, and waits for it: whoever closes first has the connection for another minute, and a server
   * that is ended with one of these cannot listen on its port again.
   */
  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#endTalkers();
  }

  async #endTalkers(): Promise<void> {
    const talkers = [...this.#talkers];
    for (const talker of talkers) talker.close();
    await Promise.all(talkers.map((talker) => talker.gone(CLOSING_PATIENCE)));
  }

  #noConnection(port: number): never {
    return this.fail({
      wrong: `no connection to port ${port}`,
      ...{ expected: 'a connection', got: 'none' },
    });
  }

  async #open(
    { hears, says, greets }: Pick<ServerReadings, 'hears' | 'says' | 'greets'>,
    port: number,
    name: string = this.newName(),
    patience: Millis = CONNECTION_PATIENCE,
  ): Promise<ProbeTalker | undefined> {
    // A check whose time was over may still be at it.
    if (this.#isClosed) throw new CheckEnded('it is over');
    const onStep = (text: string): void => this.did(text);
    const talker = await ProbeTalker.open(HOST, port, this.ports, patience, {
      ...{ framing: hears, name, onStep, other: 'server', clock: this.clock },
      ...{ patience: this.#options.patience, hasLineEnds: says === 'line' },
    });
    if (talker === undefined) this.did(`port ${port} takes no connection`);
    else this.#talkers.add(talker);
    // It is no answer to what is said next.
    if (greets && talker !== undefined) await hearsGreeting(talker, GREETING_PATIENCE);
    return talker;
  }

  /** @returns the number of parts, when they are too many to be asked for; `undefined` when it is not told */
  async #fetch(
    talker: Talker,
    file: string,
    readings: ServerReadings,
    plan: DownloadPlan,
  ): Promise<DownloadRecord | number | undefined> {
    if (!(talker instanceof ProbeTalker)) throw new Error('it is no connection of this probe');
    talker.forget();
    await talker.say(`download|${file}`);
    const announced = await talker.hearsLine(ANNOUNCED);
    if (announced === undefined) return undefined;
    const count = Number(ANNOUNCED.exec(announced)?.[1]);
    if (count > MOST_PARTS) return count;
    const record = await ProbeDownload.run({
      ...{ talker, file, readings, plan, count, clock: this.clock },
      source: `seed ${this.#path.seed}`,
      onStep: (text) => this.did(text),
    });
    this.did(summaryOf(record));
    return record;
  }
}

function summaryOf({ file, count, parts, missing, asked, strayCount }: DownloadRecord): string {
  const lost = parts.filter(({ arrived }) => !arrived).length;
  return (
    `download of ${file}: ${count} parts announced, ${parts.length} datagrams came` +
    (lost > 0 ? `, ${lost} of which the path has lost` : '') +
    (asked.size > 0 ? `, ${asked.size} parts were asked for again` : '') +
    (strayCount > 0 ? `, ${strayCount} were no parts` : '') +
    (missing.length > 0 ? `, ${missing.length} parts are missing` : ', all parts are there')
  );
}
