import { createHash } from 'node:crypto';
import { opendir, stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** What is no part of a submission, whoever has put it there. */
export const NOT_HANDED_IN: ReadonlySet<string> = new Set([
  ...['.git', '__pycache__', '.venv', '__MACOSX', 'wirelab-check'],
]);
/** Files that are looked at, at most. */
const MOST_FILES = 20_000;

/** What stands in a submission, as far as names, sizes and times tell. */
export interface HandedIn {
  /** When the newest file was changed, in milliseconds since 1970, but not later than now; 0: there is none. */
  readonly newest: number;
  /** Differs when a file was added, taken away or changed. */
  readonly fingerprint: string;
  /** Paths within the folder. */
  readonly files: readonly string[];
}

/** @param apart a folder within it that is not looked at: that of the reports */
export async function handedIn(folder: string, apart?: string): Promise<HandedIn> {
  const files: string[] = [];
  const hash = createHash('sha256');
  let newest = 0;
  const left = apart === undefined ? undefined : resolve(apart);
  const look = async (path: string, within: string): Promise<void> => {
    const entries = [];
    for await (const entry of await opendir(path)) entries.push(entry);
    for (const entry of entries.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const [inside, name] = [join(path, entry.name), join(within, entry.name)];
      if (NOT_HANDED_IN.has(entry.name) || resolve(inside) === left) continue;
      if (entry.isDirectory()) await look(inside, name);
      if (!entry.isFile() || files.length >= MOST_FILES) continue;
      const info = await stat(inside).catch(() => undefined);
      if (info === undefined) continue;
      files.push(name);
      hash.update(JSON.stringify([name, info.size, info.mtimeMs]));
      newest = Math.max(newest, Math.min(info.mtimeMs, Date.now()));
    }
  };
  await look(folder, '').catch(() => undefined);
  return { newest, fingerprint: hash.digest('hex'), files };
}

/**
 * What to say when the file that a command names is not where it is started: it is somewhere below, or the folder is
 * empty.
 * @returns `undefined` when it is there, or the command names none
 */
export function whereIs(command: string, { files }: Pick<HandedIn, 'files'>): string | undefined {
  if (files.length === 0) return 'the folder is empty';
  const named = (command.match(/[^\s'"=]+\.\w+/g) ?? []).find((word) => !word.startsWith('/'));
  if (named === undefined || files.includes(join(named))) return undefined;
  const name = named.split('/').at(-1);
  const found = files.find((file) => file.split(/[\\/]/).at(-1) === name);
  if (found !== undefined) return `there is no ${named}, but ${found}`;
  return `there is no ${named}: the folder has ${files.slice(0, 5).join(', ')}${files.length > 5 ? ', …' : ''}`;
}
