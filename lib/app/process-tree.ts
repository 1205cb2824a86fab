import { readdirSync, readFileSync, statSync } from 'node:fs';

const PAGE_BYTES = 4096;

export interface ProcessInfo {
  readonly pid: number;
  readonly parent: number;
  /** Bytes of memory that are in use. */
  readonly memory: number;
}

export interface Descendant extends ProcessInfo {
  /** 0 for the first one, 1 for its children, and so on. */
  readonly generation: number;
}

/** A process and all that came of it; empty where the system does not tell (it needs /proc). */
export function processTree(root: number): Descendant[] {
  const all = processes();
  const found = all.filter(({ pid }) => pid === root).map((one) => ({ ...one, generation: 0 }));
  // It grows meanwhile.
  for (const { pid, generation } of found) {
    const children = all.filter(({ parent }) => parent === pid);
    found.push(...children.map((one) => ({ ...one, generation: generation + 1 })));
  }
  return found;
}

/** The numbers of those by whom processes run. */
export function usersOfProcesses(): ReadonlySet<number> {
  return new Set(
    numbersIn('/proc').flatMap((pid) => {
      const uid = statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid;
      return uid === undefined ? [] : [uid];
    }),
  );
}

/** Whether a process is still there; one that has ended and that nobody has asked about is not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    return stat[stat.lastIndexOf(')') + 2] !== 'Z';
  } catch {
    return false;
  }
}

/** Paths of the files and sockets that a process has open, or `undefined` where the system does not tell. */
export function openFilesOf(pid: number): readonly string[] | undefined {
  const folder = `/proc/${pid}/fd`;
  try {
    return readdirSync(folder).map((number) => `${folder}/${number}`);
  } catch {
    return undefined;
  }
}

export interface Scheduling {
  /** Milliseconds on a processor. */
  readonly worked: number;
  /** Milliseconds of being ready, and having none. */
  readonly waited: number;
}

/** Of a process with all its threads; nothing where the system does not tell. */
export function schedulingOf(pid: number): Scheduling {
  const none: Scheduling = { worked: 0, waited: 0 };
  return numbersIn(`/proc/${pid}/task`).reduce((sum, thread) => {
    try {
      // Time on a processor, time of waiting for one, both in nanoseconds: sched-stats of Linux.
      const [worked = '0', waited = '0'] = readFileSync(
        `/proc/${pid}/task/${thread}/schedstat`,
        'latin1',
      ).split(' ');
      return {
        worked: sum.worked + Number(worked) / 1e6,
        waited: sum.waited + Number(waited) / 1e6,
      };
    } catch {
      return sum;
    }
  }, none);
}

function processes(): ProcessInfo[] {
  return numbersIn('/proc').flatMap((pid) => {
    try {
      // The name stands in parentheses, and may hold anything.
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [, parent = '0', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      // Field 24 of proc(5), pages.
      const memory = Number(rest[19] ?? 0) * PAGE_BYTES;
      return [{ pid, parent: Number(parent), memory }];
    } catch {
      // It has just ended.
      return [];
    }
  });
}

function numbersIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d+$/.test(name))
      .map(Number);
  } catch {
    return [];
  }
}
