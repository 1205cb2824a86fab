/** Runs the tests that take long, those in `*.long.ts`: `npm run test:long`. */
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const repository = join(import.meta.dirname, '../..');
const vitest = join(repository, 'node_modules/vitest/vitest.mjs');
const args = ['run', '--config', 'test/vitest.config.ts', ...process.argv.slice(2)];
const { status } = spawnSync(process.execPath, [vitest, ...args], {
  cwd: repository,
  stdio: 'inherit',
  env: { ...process.env, WIRELAB_LONG: '1' },
});
process.exitCode = status ?? 1;
