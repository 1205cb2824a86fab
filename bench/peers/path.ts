import { type ChildProcess, spawn } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { outputOf } from '../processes.ts';
import { Link, type LinkSettings, type Snapshot } from './link.ts';

const SIDES = ['server', 'client'] as const;
export type Side = (typeof SIDES)[number];

/** RFC 5737: addresses that are in nobody's way. */
export const ADDRESS: Readonly<Record<Side, string>> = {
  server: '192.0.2.1',
  client: '192.0.2.2',
};
/** What link.c calls the device of each side. */
export const DEVICE = 'tun0';
/** In packets: so long that only the queue of the link drops. */
const DEVICE_QUEUE = 20_000;
/** Characters of the output of a command that are kept, for when it fails. */
const KEPT_OUTPUT = 500;

/** A command that runs on one side. */
export class Running {
  readonly #pid: number;
  /** Its status; `undefined` when a signal ended it. */
  readonly ended: Promise<number | undefined>;
  #over = false;
  #output = '';

  constructor(child: ChildProcess) {
    if (child.pid === undefined) throw new Error('ip cannot be started');
    this.#pid = child.pid;
    this.ended = new Promise((resolve) => {
      child.once('close', (status) => {
        this.#over = true;
        resolve(status ?? undefined);
      });
    });
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (chunk) => {
        this.#output = `${this.#output}${chunk}`.slice(-KEPT_OUTPUT);
      });
    }
  }

  /** The end of what it said. */
  get output(): string {
    return this.#output.trim();
  }

  kill(): void {
    if (!this.#over) kill(this.#pid);
  }

  /** Waits until its side listens on a port, TCP or UDP; false when it has ended before. */
  async listens(port: number, signal: AbortSignal): Promise<boolean> {
    const wanted = port.toString(16).toUpperCase().padStart(4, '0');
    // A line begins with a number and the local address.
    const line = new RegExp(`^ *\\d+: [0-9A-F]+:${wanted} `, 'm');
    while (!this.#over) {
      for (const table of ['tcp', 'tcp6', 'udp', 'udp6']) {
        const path = `/proc/${this.#pid}/net/${table}`;
        if (line.test(await readFile(path, 'latin1').catch(() => ''))) return true;
      }
      await sleep(20, undefined, { signal });
    }
    return false;
  }
}

/** Two network namespaces and the link between them. To be closed, whatever happens. */
export class Path implements AsyncDisposable {
  readonly #namespaces: Readonly<Record<Side, string>> = {
    server: `wirelab-${process.pid}-server`,
    client: `wirelab-${process.pid}-client`,
  };
  readonly #running: Running[] = [];
  #link: Link | undefined;

  private constructor() {}

  /**
   * @param linkProgram the compiled link.c.
   * @param congestion what TCP does on both sides, `cubic` or `bbr`; throws where the system has not
   *   got it.
   */
  static async open(
    linkProgram: string,
    settings: LinkSettings,
    congestion?: string,
  ): Promise<Path> {
    const path = new Path();
    try {
      for (const side of SIDES) await outputOf(ip('netns', 'add', path.#namespaces[side]));
      path.#link = await Link.start(linkProgram, path.#namespaces, settings);
      for (const side of SIDES) await path.#configure(side, settings.mtu, congestion);
      return path;
    } catch (error) {
      await path[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Starts a command on one side. */
  start(side: Side, command: readonly string[]): Running {
    const running = new Running(ip('netns', 'exec', this.#namespaces[side], ...command));
    this.#running.push(running);
    return running;
  }

  /** What the link has counted so far. */
  async counters(): Promise<Snapshot> {
    if (this.#link === undefined) throw new Error('there is no link yet');
    return this.#link.counters();
  }

  /** Ends everything that runs in the namespaces, then the link, then removes them. */
  async [Symbol.asyncDispose](): Promise<void> {
    // One that was started just now may not be in its namespace yet.
    for (const running of this.#running) running.kill();
    for (const side of SIDES) await this.#endAll(side);
    await Promise.all(this.#running.map(({ ended }) => ended));
    await this.#link?.close();
    for (const side of SIDES) {
      // It is not there when it could not be made.
      await outputOf(ip('netns', 'delete', this.#namespaces[side])).catch(() => undefined);
    }
  }

  async #configure(side: Side, mtu: number, congestion: string | undefined): Promise<void> {
    const other = side === 'server' ? 'client' : 'server';
    const set = (words: string) => outputOf(ip('-n', this.#namespaces[side], ...words.split(' ')));
    await set('link set lo up');
    await set(`address add ${ADDRESS[side]} peer ${ADDRESS[other]} dev ${DEVICE}`);
    await set(`link set ${DEVICE} mtu ${mtu} txqueuelen ${DEVICE_QUEUE} up`);
    if (congestion === undefined) return;
    // By the route. The sysctl of a namespace takes only what the whole system allows to everybody.
    const route = `${ADDRESS[other]} dev ${DEVICE} src ${ADDRESS[side]}`;
    await set(`route replace ${route} congctl ${congestion}`);
  }

  /** Also what a command has started in a session of its own: all that is in there is ours. */
  async #endAll(side: Side): Promise<void> {
    for (;;) {
      const listed = await outputOf(ip('netns', 'pids', this.#namespaces[side])).catch(() => '');
      const pids = listed.split('\n').filter(Boolean).map(Number);
      const others = pids.filter((pid) => pid !== this.#link?.pid);
      if (others.length === 0) return;
      for (const pid of others) kill(pid);
      await sleep(10);
    }
  }
}

/** In a group of its own: Ctrl-C is for the bench, which ends all else in order. */
function ip(...words: readonly string[]): ChildProcess {
  return spawn('ip', words, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
