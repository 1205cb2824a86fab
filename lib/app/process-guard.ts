import { spawnSync } from 'node:child_process';
import { availableParallelism } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { formatBytes } from '../core/text.ts';
import { deletedSize, folderSize } from './folder-size.ts';
import {
  type Descendant,
  glanceAtTree,
  isAlive,
  openFilesOf,
  type ProcessInfo,
  processTree,
  type Scheduling,
  schedulingOf,
} from './process-tree.ts';
import { Waiting } from './waiting.ts';

/** How much a program may take. */
export interface Limits {
  /** Bytes, of all its processes together. */
  readonly memory: number;
  readonly processes: number;
  /** Bytes that its folder may come to; see {@link folderSize}. */
  readonly disk: number;
}

/** What is watched. */
export interface Guarded {
  /** Leads its group. */
  readonly pid: number;
  /** Generations of processes, from that one on, that are not part of the program. */
  readonly holders: number;
  /** Where it may write. */
  readonly folder: string;
  /** Ends what has left its parents, where that can be told. */
  readonly sweep?: (() => void) | undefined;
}

export const USUAL_LIMITS: Limits = { memory: 2 ** 30, processes: 200, disk: 2 ** 30 };

/** Of all its processes together: hundreds of clients need no more. */
const MOST_OPEN = 20_000;
const LOOK_EVERY_MS = 250;
const SHARE_OF_LOOKS = 10;
/** What was killed is gone soon, or never. */
const LOOK_AGAIN_MS = 5;
const MOST_LOOKS = 600;

/** Watches a program of somebody else, and ends it for sure, with all that it has started. */
export class ProcessGuard {
  readonly #pid: number;
  readonly #sweep: (() => void) | undefined;
  readonly #holders: number;
  readonly #watch: NodeJS.Timeout;
  #isOver = false;
  #tree: readonly ProcessInfo[] = [];
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** By process: one that has ended counts on. */
  readonly #scheduling = new Map<number, Scheduling>();
  readonly #waiting = new Waiting(availableParallelism(), performance.now());

  /**
   * @param onExceeded it is about to be ended: why.
   */
  constructor(
    { pid, holders, folder, sweep }: Guarded,
    limits: Limits,
    onExceeded: (why: string) => void,
  ) {
    this.#pid = pid;
    this.#sweep = sweep;
    this.#holders = holders;
    const exceeded = (why: string): void => {
      onExceeded(`ended: ${why}`);
      this.kill();
    };
    this.#watch = setInterval(() => this.#look(limits, exceeded), LOOK_EVERY_MS);
    void this.#watchFolder(folder, limits.disk, exceeded);
    // Before what it writes to is removed.
    process.prependOnceListener('exit', this.kill);
  }

  /** Files and sockets that its processes have open, where the system tells. */
  openFiles(): number | undefined {
    const own = this.#own();
    return own.length === 0 ? undefined : own.flatMap(({ pid }) => openFilesOf(pid) ?? []).length;
  }

  /**
   * Milliseconds for which its processes have waited so far for a processor that others had; 0 where the system does
   * not tell.
   */
  waited(): number {
    for (const { pid } of this.#lately()) {
      const scheduling = schedulingOf(pid);
      const before = this.#scheduling.get(pid)?.worked ?? 0;
      if (scheduling.worked >= before) this.#scheduling.set(pid, scheduling);
    }
    const all = [...this.#scheduling.values()];
    const worked = all.reduce((sum, one) => sum + one.worked, 0);
    const waited = all.reduce((sum, one) => sum + one.waited, 0);
    return this.#waiting.at(performance.now(), worked, waited);
  }

  /** Asks all of it to end, as Ctrl-C does. */
  interrupt(): void {
    const own = this.#own();
    if (own.length === 0) signal(-this.#pid, 'SIGINT');
    for (const { pid } of own) signal(pid, 'SIGINT');
  }

  readonly kill = (): void => {
    this.#end(this.#all());
  };

  #end(tree: readonly ProcessInfo[]): void {
    if (process.platform === 'win32') {
      spawnSync('taskkill', ['/pid', String(this.#pid), '/t', '/f'], { stdio: 'ignore' });
      return;
    }
    signal(-this.#pid, 'SIGKILL');
    for (const { pid } of tree) signal(pid, 'SIGKILL');
    this.#sweep?.();
  }

  /** The process itself has ended; what it has left behind goes with {@link kill}. */
  over(): void {
    this.#isOver = true;
    clearInterval(this.#watch);
  }

  /** Ends all of it, and waits until it is gone: what comes next needs its ports. */
  async close(): Promise<void> {
    const tree = this.#all();
    this.#end(tree);
    this.over();
    process.off('exit', this.kill);
    for (let looks = 0; looks < MOST_LOOKS && tree.some(({ pid }) => isAlive(pid)); looks += 1) {
      await sleep(LOOK_AGAIN_MS);
    }
  }

  /** Its processes, without what only holds them. */
  #own(treeOf = processTree): ProcessInfo[] {
    return this.#all(treeOf).filter(({ generation }) => generation >= this.#holders);
  }

  /** What has left the group as well, where the system tells of it. */
  #all(treeOf = processTree): Descendant[] {
    return this.#isOver ? [] : treeOf(this.#pid);
  }

  /** The same, as of a moment ago. */
  #lately(): readonly ProcessInfo[] {
    const time = performance.now();
    if (time - this.#lookedAt >= LOOK_EVERY_MS) {
      this.#lookedAt = time;
      this.#tree = this.#own(glanceAtTree);
    }
    return this.#tree;
  }

  /** From the beginning: an earlier check may have filled it. */
  async #watchFolder(folder: string, most: number, exceeded: (why: string) => void): Promise<void> {
    while (!this.#isOver) {
      const begin = performance.now();
      const open = this.#lately().flatMap(({ pid }) => openFilesOf(pid) ?? []);
      if (open.length > MOST_OPEN) {
        exceeded(`it had more than ${MOST_OPEN} files and sockets open`);
        return;
      }
      const named = await folderSize(folder, most);
      const size = named + (named > most ? 0 : await deletedSize(folder, open, most - named));
      if (this.#isOver) return;
      if (size > most) {
        exceeded(`its folder took more than ${formatBytes(most)} of the disk`);
        return;
      }
      // A folder with very many files is not looked at all the time.
      const took = performance.now() - begin;
      await sleep(Math.max(LOOK_EVERY_MS, SHARE_OF_LOOKS * took), undefined, { ref: false });
    }
  }

  #look(limits: Limits, exceeded: (why: string) => void): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
    if (whyTooMuch(this.#lately(), limits) === undefined) return;
    // A glance is not enough to end it.
    const why = whyTooMuch(this.#own(), limits);
    if (why !== undefined) exceeded(why);
  }
}

function whyTooMuch(own: readonly ProcessInfo[], most: Limits): string | undefined {
  const used = own.reduce((sum, one) => sum + one.memory, 0);
  if (used > most.memory) return `it took more than ${formatBytes(most.memory)} of memory`;
  if (own.length > most.processes) return `it had more than ${most.processes} processes`;
  return undefined;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone already.
  }
}
