import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { FAULTS } from '../test/submissions/faults.ts';
import { UNFINISHED } from '../test/submissions/unfinished.ts';
import { commandFor, faulty, RIGHT, submission } from '../test/support/submissions.ts';
import { outputOf, startBuilt } from './processes.ts';
import { type Row, row } from './table.ts';

/** What a teacher waits for at most, in seconds. */
const MOST = { most: 60 };
const SIDES = ['server', 'client'] as const;
/** Of each side, the faults that cost the most checks: many of them wait for what does not come. */
const WORST = SIDES.flatMap((side) => {
  const faults = FAULTS.filter((fault) => fault.side === side);
  return faults.toSorted((one, other) => other.loses.length - one.loses.length).slice(0, 3);
});

/** Whole gradings with the default assignment, one after the other. */
export async function grading(folder: string): Promise<Row[]> {
  const rows: Row[] = [];
  for (const side of SIDES) {
    for (const file of RIGHT[side]) {
      const seconds = await secondsOf(folder, side, file, await submission(side, file));
      rows.push(row(`the right ${side} ${file}`, seconds, MOST, 's'));
    }
  }
  for (const fault of WORST) {
    const seconds = await secondsOf(folder, fault.side, fault.base, await faulty(fault), true);
    const { side, base, about, loses } = fault;
    const what = `the ${side} ${base} that ${about} (${loses.length} checks)`;
    rows.push(row(what, seconds, MOST, 's'));
  }
  for (const one of UNFINISHED) {
    const seconds = await secondsOf(folder, one.side, one.base, await faulty(one), true);
    rows.push(row(`an unfinished ${one.side} that ${one.about}`, seconds, MOST, 's'));
  }
  return rows;
}

async function secondsOf(
  folder: string,
  side: (typeof SIDES)[number],
  file: string,
  text: string,
  isWrong = false,
): Promise<number> {
  const dir = join(folder, 'submission');
  const command = commandFor(side, file);
  await mkdir(dir);
  await writeFile(join(dir, command.split(' ').at(-1) ?? ''), text);
  const args = [`--${side}`, command, '--dir', dir, '--out', join(folder, 'grade')];
  const begin = performance.now();
  const ended = outputOf(startBuilt(['check', ...args]));
  // A lost point is a status of its own.
  await (isWrong ? ended.catch(() => undefined) : ended);
  const seconds = (performance.now() - begin) / 1000;
  await rm(dir, { recursive: true });
  await rm(join(folder, 'grade'), { recursive: true });
  return seconds;
}
