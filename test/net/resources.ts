import { readdir, readlink } from 'node:fs/promises';
import { loopTurns, until } from './waiting.ts';

/** What the process holds: handles and timers by kind, and open files. */
export interface Resources {
  readonly active: ReadonlyMap<string, number>;
  /** Empty where the system does not show them. */
  readonly files: ReadonlyMap<string, number>;
}

/** Files that nobody closed, so that the garbage collector had to. */
const forgotten: string[] = [];
process.on('warning', ({ message }) => {
  if (/on garbage collection/.test(message)) forgotten.push(message);
});

export async function resourcesNow(): Promise<Resources> {
  // First the handles: to look at the files opens some.
  const active = count(process.getActiveResourcesInfo());
  return { active, files: count(await openFiles()) };
}

/** Waits until the process holds nothing that it did not hold `before`. */
export async function untilReleased(before: Resources): Promise<void> {
  let left: string[] = [];
  try {
    await until('the release of all resources', async () => {
      const current = await resourcesNow();
      left = [...more(current.active, before.active), ...more(current.files, before.files)];
      return left.length === 0;
    });
  } catch (error) {
    throw new Error(`still there: ${left.join(', ')}`, { cause: error });
  }
  await loopTurns();
  const [file] = forgotten.splice(0);
  if (file !== undefined) throw new Error(file);
}

/** What each open descriptor stands for; sockets and pipes by kind, since numbers are used again. */
async function openFiles(): Promise<string[]> {
  const names = await readdir('/proc/self/fd').catch(() => []);
  const links = await Promise.all(
    // The folder that is being read is among them, and gone by now.
    names.map((name) => readlink(`/proc/self/fd/${name}`).catch(() => '')),
  );
  return links
    .filter((link) => link !== '' && !/^\/proc\/\d+\/fd$/.test(link))
    .map((link) => link.replace(/:\[\d+\]$/, ''));
}

function count(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}

function more(now: ReadonlyMap<string, number>, before: ReadonlyMap<string, number>): string[] {
  return [...now]
    .filter(([name, number]) => number > (before.get(name) ?? 0))
    .map(([name, number]) => `${number - (before.get(name) ?? 0)} × ${name}`);
}
