import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const long = process.env.WIRELAB_LONG === '1';
/** What has more cases when there is time. */
const WITH_MORE_CASES = [
  '**/relay-bad-input.test.ts',
  '**/fast-path.test.ts',
  '**/incoming-file.test.ts',
  '**/lan-hosts.test.ts',
  '**/package.test.ts',
  '**/real-capture.test.ts',
  '**/relay-killed.test.ts',
  '**/spoilt-captures.test.ts',
  'wireshark/*.test.ts',
];
/** What puts its own modules in place of others has to have them for itself. */
const ALONE = ['app/file-download.test.ts'];
/** A file for the counts of the run, besides what is printed. */
const summary = process.env.VITEST_SUMMARY;

const root = import.meta.dirname;
const shared = {
  root,
  name: 'shared',
  globalSetup: './support/compile-programs.ts',
  include: long ? ['**/*.long.ts', ...WITH_MORE_CASES] : ['**/*.test.ts'],
  exclude: ['**/node_modules/**', ...ALONE],
  // Time limits are there to end what hangs; no test depends on being fast.
  testTimeout: long ? 1_800_000 : 300_000,
  hookTimeout: 60_000,
  expect: { poll: { timeout: 30_000 } },
  pool: 'forks' as const,
  // Programs that are graded wait more than they work.
  maxConcurrency: 8,
  // Loading everything anew for each file takes a minute in all.
  isolate: false,
};

export default defineConfig({
  test: {
    root,
    projects: [
      { test: shared },
      ...(long ? [] : [{ test: { root, name: 'alone', include: ALONE } }]),
    ],
    // Most wait for processes that they have started; a core would be idle now and then.
    maxWorkers: availableParallelism() + 1,
    reporters: summary === undefined ? ['default'] : ['default', 'json'],
    ...(summary !== undefined && { outputFile: { json: summary } }),
  },
});
