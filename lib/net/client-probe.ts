import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { type Millis, millis } from '../core/brands.ts';
import { systemCode } from '../core/errors.ts';
import { FaultPlan } from '../lab/faults.ts';
import { CheckEnded } from '../lab/grader/check.ts';
import { CheckNotes } from '../lab/grader/check-notes.ts';
import type {
  ClientBench,
  ClientReadings,
  ClientSession,
  Prompts,
  TerminalUnderTest,
} from '../lab/grader/client-bench.ts';
import { findClientReadings, USUAL_CLIENT_READINGS } from '../lab/grader/client-readings.ts';
import type { Patience } from '../lab/grader/patience.ts';
import { BusyWatch } from './busy-watch.ts';
import { lastOf } from './client-screen.ts';
import { ProbeSession } from './client-session.ts';
import { delay } from './clock.ts';
import { FairClock } from './fair-clock.ts';
import { ProbeTalker } from './probe-talker.ts';
import type { ProbePath } from './server-probe.ts';
import { lastFrame, tapTcp } from './tap.ts';

const HOST = '127.0.0.1';

/** The files of the client under test. */
export interface SavedUnderTest {
  /** What is there under that name, if anything. */
  read(name: string): Buffer | undefined;
  /** The same of a name that it was given: wherever it has saved it. */
  find(name: string): Buffer | undefined;
  /** Removes what an earlier check has saved under that name. */
  remove(name: string): void;
}

export interface ClientProbeOptions {
  /** Where the client may be told to connect: the first one that is free. */
  readonly ports: readonly number[];
  readonly files: Readonly<Record<string, Buffer>>;
  /** Starts the client anew, in a terminal of its own. */
  readonly startClient: () => TerminalUnderTest;
  readonly saved: SavedUnderTest;
  /** Beside the usual ones. */
  readonly prompts: Prompts;
  /** With this client, in all probes of it. */
  readonly patience: Patience;
}

/** The grader's server, and a client under test in front of it, for one check. */
export class ClientProbe extends CheckNotes implements ClientBench {
  readonly #options: ClientProbeOptions;
  readonly #plan: FaultPlan;
  readonly #server: Server;
  /** Connections that nobody has taken yet. */
  readonly #waiting: ProbeTalker[] = [];
  readonly #talkers = new Set<ProbeTalker>();
  readonly #terminals = new Set<TerminalUnderTest>();
  readonly readings: ClientReadings;
  /** Where decisions about parts come from. */
  readonly source: string;
  readonly clock = new FairClock(() => this.#waited());
  static #names = 0;

  private constructor(options: ClientProbeOptions, readings: ClientReadings, path: ProbePath) {
    super();
    this.#options = options;
    this.readings = readings;
    this.#plan = new FaultPlan(path.faults, path.seed);
    this.source = `seed ${path.seed}`;
    this.#server = createServer({ noDelay: true }, (socket) => {
      tapTcp(socket, 'in');
      const talker = new ProbeTalker(
        {
          ...{ framing: this.readings.framing, patience: options.patience, name: 'the server' },
          ...{ other: 'client', clock: this.clock, onStep: (text) => this.did(text) },
          hasLineEnds: this.readings.framing === 'line',
        },
        socket,
      );
      this.did('the client has connected');
      this.#talkers.add(talker);
      this.#waiting.push(talker);
    });
  }

  /** @throws an error of the system when all ports are taken. */
  static async open(
    options: ClientProbeOptions,
    readings: ClientReadings = USUAL_CLIENT_READINGS,
    path: ProbePath = { faults: {}, seed: 1 },
  ): Promise<ClientProbe> {
    const probe = new ClientProbe(options, readings, path);
    await probe.#listen(options.ports);
    return probe;
  }

  /** Finds out how a client reads the document. @returns `undefined` when it does not even connect */
  static async read(options: ClientProbeOptions): Promise<ClientReadings | undefined> {
    const probes: ClientProbe[] = [];
    using watch = new BusyWatch();
    let lost = 0;
    const closeAll = async (): Promise<void> => {
      for (const probe of probes.splice(0)) {
        lost += probe.clock.lost;
        await probe.close();
      }
    };
    try {
      return await findClientReadings({
        start: async (readings) => {
          await closeAll();
          const probe = await ClientProbe.open(options, readings);
          probes.push(probe);
          return await probe.start().catch(() => undefined);
        },
        framingOf: (session) => (session as ProbeSession).framing,
        wasBusy: async () => {
          await closeAll();
          return await watch.wasBusy(lost);
        },
      });
    } finally {
      await closeAll();
    }
  }

  readonly fateOf: ClientBench['fateOf'] = (seq, nth, last) => this.#plan.fateOf(seq, nth, last);

  protected override get lastFrame(): number {
    return lastFrame();
  }

  get files(): Readonly<Record<string, Buffer>> {
    return this.#options.files;
  }

  get patience(): Patience {
    return this.#options.patience;
  }

  get prompts(): Prompts {
    return this.#options.prompts;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** What the clients of this check have shown. */
  get shown(): string {
    return [...this.#terminals].map(({ shown }) => shown).join('\n');
  }

  wait(span: number): Promise<void> {
    return this.clock.wait(span);
  }

  /** The system may have given a port to a connection of an earlier client, and holds it for a minute. */
  async #listen([port, ...others]: readonly number[]): Promise<void> {
    try {
      this.#server.listen(port, HOST);
      await once(this.#server, 'listening');
    } catch (error) {
      if (others.length === 0 || systemCode(error) !== 'EADDRINUSE') throw error;
      await this.#listen(others);
    }
  }

  async hasAddress(host: string): Promise<boolean> {
    const server = createServer();
    const has = await new Promise<boolean>((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(0, host, () => resolve(true));
    });
    server.close();
    return has;
  }

  async start(from: string = HOST): Promise<ClientSession> {
    if (!this.#server.listening) throw new CheckEnded('it is over');
    ClientProbe.#names += 1;
    const terminal = this.#options.startClient();
    this.#terminals.add(terminal);
    const session = new ProbeSession(this, terminal, `ann${ClientProbe.#names}`, from);
    if (await session.reconnects()) return session;
    return this.fail({
      wrong: 'the client does not connect',
      expected: `a TCP connection to ${HOST}, port ${this.port}`,
      got: `${terminal.isRunning ? '' : `it has ended: ${terminal.end}; `}${lastOf(terminal.shown)}`,
    });
  }

  async startOnline(): Promise<ClientSession> {
    const session = await this.start();
    await session.login();
    return session;
  }

  /** The next connection of a client. */
  async accept(patience: Millis): Promise<ProbeTalker | undefined> {
    const end = this.clock.now() + patience;
    while (this.#waiting.length === 0 && this.clock.now() < end) await delay(millis(10));
    return this.#waiting.shift();
  }

  #waited(): number {
    return [...this.#terminals].reduce((sum, terminal) => sum + terminal.waited(), 0);
  }

  get saved(): SavedUnderTest {
    return this.#options.saved;
  }

  async close(): Promise<void> {
    for (const talker of this.#talkers) talker.close();
    for (const terminal of this.#terminals) await terminal.close();
    await new Promise<void>((resolve) => this.#server.close(() => resolve()));
  }
}
