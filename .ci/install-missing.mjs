/**
 * Installs the dependencies if they are missing or older than the lock file, so that `npm test` and
 * `npm run demo` work on a fresh clone. Plain JavaScript: it runs before anything is installed.
 */
import { spawnSync } from 'node:child_process';
import { statSync } from 'node:fs';

const changedAt = (path) => statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (changedAt('node_modules/.package-lock.json') < changedAt('package-lock.json')) {
  console.error('Installing what is missing (npm ci) …');
  const { status } = spawnSync('npm', ['ci', '--no-fund', '--no-audit'], {
    stdio: ['ignore', 'inherit', 'inherit'],
    shell: process.platform === 'win32',
  });
  process.exit(status ?? 1);
}
