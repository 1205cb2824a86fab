import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  makeFile,
  outputOf,
  peakMemory,
  sha256,
  start,
  startServer,
} from '../../bench/processes.ts';

test('a file of 1 GiB arrives whole, and the server stays below 200 MiB', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'wirelab-large-'));
  const files = join(folder, 'files');
  await mkdir(files);
  await makeFile(join(files, 'large.bin'), 2 ** 30);
  const { server, ports } = await startServer(['--ports', '0', '--files', files]);
  try {
    const out = join(folder, 'copy.bin');
    const route = ['--server', '127.0.0.1', '--port', String(ports[0])];
    await outputOf(start('lib/cli.ts', ['get', 'large.bin', '--yes', ...route, '--out', out]));
    expect(await sha256(out)).toBe(await sha256(join(files, 'large.bin')));
    const memory = await peakMemory(server);
    if (memory !== undefined) expect(memory).toBeLessThan(200);
  } finally {
    server.kill('SIGKILL');
    await rm(folder, { recursive: true, force: true });
  }
});
