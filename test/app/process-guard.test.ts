import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ProcessGuard, USUAL_LIMITS } from '../../lib/app/process-guard.ts';
import { until } from '../net/waiting.ts';
import { TemporaryFolder } from './folders.ts';

/** More programs at work than there are processors: one of them always waits. */
const BUSY = `for i in $(seq ${availableParallelism() + 1}); do sh -c 'while :; do :; done' & done; wait`;

const NOWHERE = '/nowhere';

const tells = (() => {
  try {
    return readFileSync('/proc/self/schedstat', 'latin1') !== '';
  } catch {
    return false;
  }
})();
if (!tells) console.warn('Left out: how long a program waits for a processor. It needs Linux.');

describe.skipIf(!tells)('a program that is guarded', () => {
  test('is known to wait when the machine is busy, and not when it sleeps', async () => {
    const guard = (command: string): ProcessGuard => {
      const child = spawn('sh', ['-c', command], { detached: true, stdio: 'ignore' });
      const guarded = { pid: child.pid ?? 0, holders: 0, folder: NOWHERE };
      return new ProcessGuard(guarded, USUAL_LIMITS, () => undefined);
    };
    // Two of them, so that neither has most of the processors.
    const [busy, other, sleeping] = [guard(BUSY), guard(BUSY), guard('sleep 60')];
    try {
      await until('the wait', () => busy.waited() > 300);
      expect(sleeping.waited()).toBeLessThan(300);
    } finally {
      await Promise.all([busy.close(), other.close(), sleeping.close()]);
    }
  });

  const MB = 1_000_000;
  test.each([
    ['one file', 'while :; do head -c 1000000 /dev/zero >> big; done'],
    ['many empty files', 'i=0; while :; do i=$((i+1)); : > "file$i"; done'],
    [
      'one that is deleted',
      'exec 3> gone; rm gone; while :; do head -c 1000000 /dev/zero >&3; done',
    ],
  ])('is ended when it fills the disk with %s', async (_, command) => {
    await using folder = await TemporaryFolder.create({});
    const child = spawn('sh', ['-c', command], {
      ...{ detached: true, stdio: 'ignore', cwd: folder.path },
    });
    const whys: string[] = [];
    const guarded = { pid: child.pid ?? 0, holders: 0, folder: folder.path };
    const guard = new ProcessGuard(guarded, { ...USUAL_LIMITS, disk: 20 * MB }, (why) => {
      whys.push(why);
    });
    try {
      await once(child, 'exit');
      expect(whys).toEqual(['ended: its folder took more than 20.0 MB of the disk']);
    } finally {
      await guard.close();
    }
  });

  test('is ended when it takes too much memory, or has too many processes', async () => {
    for (const [limits, command, why] of [
      [{ memory: MB }, 'sleep 60', /more than 1\.0 MB of memory/],
      [{ processes: 3 }, 'for i in 1 2 3 4 5; do sleep 60 & done; wait', /more than 3 processes/],
    ] as const) {
      const child = spawn('sh', ['-c', command], { detached: true, stdio: 'ignore' });
      const whys: string[] = [];
      const guarded = { pid: child.pid ?? 0, holders: 0, folder: NOWHERE };
      const guard = new ProcessGuard(guarded, { ...USUAL_LIMITS, ...limits }, (one) => {
        whys.push(one);
      });
      try {
        await once(child, 'exit');
        expect(whys).toEqual([expect.stringMatching(why)]);
      } finally {
        await guard.close();
      }
    }
  });
});
