import { spawnSync } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes } from '../core/text.ts';
import { isAlive, openFilesOf, type ProcessInfo, processTree, waitedOf } from './process-tree.ts';

/** How much a program may take. */
export interface Limits {
  /** Bytes, of all its processes together. */
  readonly memory: number;
  readonly processes: number;
}

export const USUAL_LIMITS: Limits = { memory: 2 ** 30, processes: 200 };

const LOOK_EVERY_MS = 250;
/** What was killed is gone soon, or never. */
const LOOK_AGAIN_MS = 5;
const MOST_LOOKS = 600;

/** Watches a program of somebody else, and ends it for sure, with all that it has started. */
export class ProcessGuard {
  readonly #pid: number;
  readonly #holders: number;
  readonly #watch: NodeJS.Timeout;
  #isOver = false;
  #tree: readonly ProcessInfo[] = [];
  #lookedAt = 0;
  /** Milliseconds, by process: one that has ended counts on. */
  readonly #waited = new Map<number, number>();

  /**
   * @param pid of a process that leads its group.
   * @param holders generations of processes, from that one on, that are not part of the program
   * @param onExceeded it is about to be ended: why.
   */
  constructor(pid: number, holders: number, limits: Limits, onExceeded: (why: string) => void) {
    this.#pid = pid;
    this.#holders = holders;
    this.#watch = setInterval(() => this.#look(limits, onExceeded), LOOK_EVERY_MS);
    // Before what it writes to is removed.
    process.prependOnceListener('exit', this.kill);
  }

  /** Files and sockets that its processes have open, where the system tells. */
  openFiles(): number | undefined {
    const counts = this.#own().map(({ pid }) => openFilesOf(pid));
    return counts.length === 0
      ? undefined
      : counts.reduce<number>((sum, one) => sum + (one ?? 0), 0);
  }

  /** Milliseconds for which its processes have waited for a processor so far; 0 where the system does not tell. */
  waited(): number {
    const time = performance.now();
    if (time - this.#lookedAt > LOOK_EVERY_MS) {
      this.#lookedAt = time;
      this.#tree = this.#own();
    }
    for (const { pid } of this.#tree) {
      this.#waited.set(pid, Math.max(this.#waited.get(pid) ?? 0, waitedOf(pid)));
    }
    return [...this.#waited.values()].reduce((sum, one) => sum + one, 0);
  }

  /** Asks all of it to end, as Ctrl-C does. */
  interrupt(): void {
    const own = this.#own();
    if (own.length === 0) signal(-this.#pid, 'SIGINT');
    for (const { pid } of own) signal(pid, 'SIGINT');
  }

  readonly kill = (): void => {
    if (process.platform === 'win32') {
      spawnSync('taskkill', ['/pid', String(this.#pid), '/t', '/f'], { stdio: 'ignore' });
      return;
    }
    // What has left the group goes as well, where the system tells of it.
    const tree = this.#isOver ? [] : processTree(this.#pid);
    signal(-this.#pid, 'SIGKILL');
    for (const { pid } of tree) signal(pid, 'SIGKILL');
  };

  /** The process itself has ended; what it has left behind goes with {@link kill}. */
  over(): void {
    this.#isOver = true;
    clearInterval(this.#watch);
  }

  /** Ends all of it, and waits until it is gone: what comes next needs its ports. */
  async close(): Promise<void> {
    const tree = processTree(this.#pid);
    this.kill();
    this.over();
    process.off('exit', this.kill);
    for (let looks = 0; looks < MOST_LOOKS && tree.some(({ pid }) => isAlive(pid)); looks += 1) {
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** Its processes, without what only holds them. */
  #own(): ProcessInfo[] {
    if (this.#isOver) return [];
    return processTree(this.#pid).filter(({ generation }) => generation >= this.#holders);
  }

  #look({ memory, processes }: Limits, onExceeded: (why: string) => void): void {
    const own = this.#own();
    const used = own.reduce((sum, one) => sum + one.memory, 0);
    const why =
      used > memory
        ? `it took more than ${formatBytes(memory)} of memory`
        : own.length > processes
          ? `it had more than ${processes} processes`
          : undefined;
    if (why === undefined) return;
    onExceeded(`ended: ${why}`);
    this.kill();
  }
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}
