import { createHash } from 'node:crypto';
import { lstat, opendir } from 'node:fs/promises';
import { join, resolve } from 'node:path';

/** What is no part of a submission, whoever has put it there. */
export const NOT_HANDED_IN: ReadonlySet<string> = new Set([
  ...['.git', '__pycache__', '.venv', '__MACOSX', 'wirelab-check'],
]);
/** Files that are named, at most. */
const MOST_NAMED = 20_000;
/** What stands in files: not every word with a dot names one. */
const SOURCE = /\.(?:py|pl|rb|lua|php|sh|js|mjs|cjs|ts|jar|exe|out)$/i;

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
      if (!entry.isFile() && !entry.isSymbolicLink()) continue;
      const info = await lstat(inside).catch(() => undefined);
      if (info === undefined) continue;
      if (files.length < MOST_NAMED) files.push(name);
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
  // The first word is the program that runs it.
  const [, ...words] = command.split(/[\s'"]+/).filter((word) => word !== '');
  const named = words.find((word) => SOURCE.test(word) && !/^[-/]|[=@]/.test(word));
  if (named === undefined || files.includes(join(named))) return undefined;
  const name = named.split('/').at(-1);
  const found = files.find((file) => file.split(/[\\/]/).at(-1) === name);
  if (found !== undefined) return `there is no ${named}, but ${found}`;
  return `there is no ${named}: the folder has ${files.slice(0, 5).join(', ')}${files.length > 5 ? ', …' : ''}`;
}
