import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

const long = process.env.WIRELAB_LONG === '1';
/** What has more cases when there is time. */
const WITH_MORE_CASES = [
  '**/relay-bad-input.test.ts',
  '**/fast-path.test.ts',
  '**/lan-hosts.test.ts',
  '**/package.test.ts',
  '**/real-capture.test.ts',
  '**/relay-killed.test.ts',
  '**/spoilt-captures.test.ts',
  'wireshark/*.test.ts',
];
/** A file for the counts of the run, besides what is printed. */
const summary = process.env.VITEST_SUMMARY;

export default defineConfig({
  test: {
    root: import.meta.dirname,
    globalSetup: './support/compile-programs.ts',
    include: long ? ['**/*.long.ts', ...WITH_MORE_CASES] : ['**/*.test.ts'],
    // Time limits are there to end what hangs; no test depends on being fast.
    testTimeout: long ? 1_800_000 : 60_000,
    hookTimeout: 60_000,
    pool: 'forks',
    // Loading everything anew for each file takes a minute in all.
    isolate: false,
    // Most wait for processes that they have started; a core would be idle now and then.
    maxWorkers: availableParallelism() + 1,
    reporters: summary === undefined ? ['default'] : ['default', 'json'],
    ...(summary !== undefined && { outputFile: { json: summary } }),
  },
});
