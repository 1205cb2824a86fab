import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { describe, expect, test } from 'vitest';
import { ProcessGuard, USUAL_LIMITS } from '../../lib/app/process-guard.ts';
import { until } from '../net/waiting.ts';

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
    const [busy, sleeping] = [guard(BUSY), guard('sleep 60')];
    try {
      await until('the wait', () => busy.waited() > 300);
      expect(sleeping.waited()).toBeLessThan(300);
    } finally {
      await Promise.all([busy.close(), sleeping.close()]);
    }
  });
});
