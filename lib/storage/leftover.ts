import { readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { systemCode } from '../core/errors.ts';

/** What is there of a file that did not come whole, and which file that was. */
export interface Leftover {
  /** What the server called the file as it was then. */
  readonly id: string;
  readonly size: number;
  /** Runs of bytes, each from its start to before its end, in order. */
  readonly ranges: readonly (readonly [start: number, end: number])[];
}

const VERSION = 1;

/** Where the leftover of the partial file `path` is described. */
export function leftoverPath(path: string): string {
  return `${path}.state`;
}

/** What an earlier attempt has left in `path`; `undefined` when there is nothing to go on with. */
export async function readLeftover(path: string): Promise<Leftover | undefined> {
  try {
    const leftover = parse(await readFile(leftoverPath(path), 'utf8'));
    if (leftover === undefined) return undefined;
    const { size } = await stat(path);
    return leftover.ranges.every(([, end]) => end <= size) ? leftover : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

/** Replaces the description in one step, so that a process which is killed leaves the old one. */
export async function writeLeftover(path: string, leftover: Leftover): Promise<void> {
  const target = leftoverPath(path);
  await writeFile(`${target}.new`, JSON.stringify({ version: VERSION, ...leftover }));
  await rename(`${target}.new`, target);
}

export async function removeLeftover(path: string): Promise<void> {
  await rm(leftoverPath(path), { force: true });
  await rm(`${leftoverPath(path)}.new`, { force: true });
}

/** `undefined` for anything that this program has not written so. */
function parse(text: string): Leftover | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isLeftover(value) ? { id: value.id, size: value.size, ranges: value.ranges } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

function isLeftover(value: unknown): value is Leftover & { version: number } {
  if (typeof value !== 'object' || value === null) return false;
  const { version, id, size, ranges } = value as Record<string, unknown>;
  if (version !== VERSION || typeof id !== 'string' || !Number.isSafeInteger(size)) return false;
  if (!Array.isArray(ranges)) return false;
  let last = 0;
  return ranges.every((range: unknown) => {
    if (!Array.isArray(range) || range.length !== 2) return false;
    const [start, end] = range as unknown[];
    if (!Number.isSafeInteger(start) || !Number.isSafeInteger(end)) return false;
    const inOrder = (start as number) >= last && (end as number) > (start as number);
    last = end as number;
    return inOrder && last <= (size as number);
  });
}
