/**
 * Tries again and again to get the lock whose path is given, and says how often it got it, and how
 * often somebody else had it at the same time. Begins when it is told to on standard input.
 */
import { mkdirSync, rmdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { LockedError, lock } from '../../lib/storage/lock.ts';

const TRIES = 400;
const path = process.argv[2] ?? '';
/** Only one can make this folder: it is there while somebody believes to hold the lock. */
const witness = `${path}.held`;
const result = { got: 0, shared: 0, errors: [] as string[] };

async function attempt(): Promise<void> {
  const unlock = await lock(path).catch((error: unknown) => {
    if (!(error instanceof LockedError)) result.errors.push(String(error));
    return undefined;
  });
  if (unlock === undefined) return;
  result.got += 1;
  try {
    mkdirSync(witness);
    await turn();
    rmdirSync(witness);
  } catch {
    result.shared += 1;
  }
  await unlock();
}

process.stdin.once('data', async () => {
  for (let tries = 0; tries < TRIES; tries += 1) await attempt();
  process.stdout.write(`${JSON.stringify(result)}\n`);
  process.exit(0);
});
process.stdout.write('ready\n');
