import { spawn } from 'node:child_process';
import { expect, test } from 'vitest';
import { ReadThrottle } from '../../lib/app/read-throttle.ts';
import { until } from '../net/waiting.ts';

/** Writes as fast as it is read. */
const FLOOD = "for (;;) require('fs').writeSync(1, Buffer.alloc(65536, 120))";
const MB = 1_000_000;

test('a program that floods is read from on and on, at a limited rate', async () => {
  const child = spawn(process.execPath, ['-e', FLOOD], { stdio: ['ignore', 'pipe', 'ignore'] });
  try {
    const throttle = new ReadThrottle(child.stdout);
    const begin = performance.now();
    let bytes = 0;
    child.stdout.on('data', (chunk: Buffer) => {
      bytes += chunk.length;
      throttle.read(chunk.length);
    });
    await until('some of it', () => bytes > 5 * MB);
    const seconds = (performance.now() - begin) / 1000;
    // Slower is a matter of the machine.
    expect(bytes).toBeLessThan(10 * MB * seconds + 2 * MB);
  } finally {
    child.kill('SIGKILL');
  }
});
