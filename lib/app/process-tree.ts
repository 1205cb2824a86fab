import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';

const PAGE_BYTES = 4096;

/** Of a file no more is read. One for all: `readFile` takes 64 KiB anew for each, as the system tells no size. */
const buffer = Buffer.alloc(PAGE_BYTES);

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
  const all = numbersIn('/proc').flatMap(infoOf);
  const found = all.filter(({ pid }) => pid === root).map((one) => ({ ...one, generation: 0 }));
  // It grows meanwhile.
  for (const { pid, generation } of found) {
    const children = all.filter(({ parent }) => parent === pid);
    found.push(...children.map((one) => ({ ...one, generation: generation + 1 })));
  }
  return found;
}

/**
 * The same at a glance: it costs as much as the tree has threads, and not as much as the machine has. One that comes
 * or goes just then may be missing, and so may others where one has hundreds of children.
 */
export function glanceAtTree(root: number): Descendant[] {
  if (!tellsChildren()) return processTree(root);
  const found = descendants([root], 0);
  const known = new Set([root]);
  for (const { pid, generation } of found) {
    // One whose thread has just ended is a child of another thread, too.
    const children = childrenOf(pid).filter((child) => !known.has(child));
    for (const child of children) known.add(child);
    found.push(...descendants([...new Set(children)], generation + 1));
  }
  return found;
}

function descendants(pids: readonly number[], generation: number): Descendant[] {
  return pids.flatMap(infoOf).map((one) => ({ ...one, generation }));
}

let knowsChildren: boolean | undefined;

/** It depends on how Linux was built. */
function tellsChildren(): boolean {
  const { pid } = process;
  knowsChildren ??= existsSync(`/proc/${pid}/task/${pid}/children`);
  return knowsChildren;
}

function childrenOf(pid: number): number[] {
  return numbersIn(`/proc/${pid}/task`).flatMap((thread) => {
    try {
      // Each number has a space after it; what comes after the last one was cut off.
      const numbers = readShort(`/proc/${pid}/task/${thread}/children`).split(' ').slice(0, -1);
      return numbers.map(Number);
    } catch {
      return [];
    }
  });
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
    const stat = readShort(`/proc/${pid}/stat`);
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
      const [worked = '0', waited = '0'] = readShort(`/proc/${pid}/task/${thread}/schedstat`).split(
        ' ',
      );
      return {
        worked: sum.worked + Number(worked) / 1e6,
        waited: sum.waited + Number(waited) / 1e6,
      };
    } catch {
      return sum;
    }
  }, none);
}

/** Nothing of one that has just ended. */
function infoOf(pid: number): ProcessInfo[] {
  try {
    // The name stands in parentheses, and may hold anything.
    const stat = readShort(`/proc/${pid}/stat`);
    const [, parent = '0', ...rest] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    // Field 24 of proc(5), pages.
    return [{ pid, parent: Number(parent), memory: Number(rest[19] ?? 0) * PAGE_BYTES }];
  } catch {
    return [];
  }
}

/** @throws Error when it is not there any more */
function readShort(path: string): string {
  const file = openSync(path, 'r');
  try {
    return buffer.toString('latin1', 0, readSync(file, buffer));
  } finally {
    closeSync(file);
  }
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
