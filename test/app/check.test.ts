import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { FAULTS } from '../submissions/faults.ts';
import {
  canGrade,
  faulty,
  grade,
  gradeOwn,
  lostBy,
  RIGHT,
  submission,
} from '../support/submissions.ts';
import { TemporaryFolder } from './folders.ts';

/** Quick ones of every kind; all of them are done in `test:long`. */
const SOME = {
  server: ['connect', 'message-to-one', 'size-two-parts', 'last-byte', 'lost-every-third'],
  client: ['connect', 'message-to-one', 'size-two-parts', 'lost-every-third', 'asks-at-half'],
};

/** One more for the programs of this project. */
const OWN_RISK = { server: 'path-in-name', client: 'name-illegal' };

/** One mistake of each kind, and the checks that find it. */
const MISTAKES = [
  ['server', 'line.py', 'last-part-short', ['size-one-part']],
  ['server', 'line.py', 'resends-all', ['resends-what-was-asked']],
  ['server', 'line.py', 'no-pause', ['pause']],
  ['server', 'line.py', 'ends-with-a-client', ['vanishing-client']],
  ['server', 'line.py', 'resends-other-bytes', ['lost-every-third']],
  ['server', 'line.py', 'parts-of-all', ['two-downloads']],
  ['server', 'events.py', 'leaks-udp', ['closes-sockets']],
  ['server', 'events.py', 'junk-ends-server', ['junk']],
  ['server', 'original.pl', 'name-taken-twice', ['name-taken']],
  ['client', 'line.py', 'timer-stays', ['timer-grows']],
  ['client', 'line.py', 'proceeds-itself', ['asks-at-half']],
  ['client', 'line.py', 'gives-up', ['timer-begins']],
  ['client', 'line.py', 'another-socket', ['lost-every-third']],
  ['client', 'original.py', 'asks-for-all', ['asks-for-what-is-missing']],
  ['client', 'select.pl', 'saves-when-stopped', ['stop-at-half']],
] as const;

describe('every planted fault', () => {
  test('fits the submission that it is planted in', async () => {
    for (const fault of FAULTS) await faulty(fault);
    expect(FAULTS.filter(({ side }) => side === 'server').length).toBeGreaterThanOrEqual(40);
    expect(FAULTS.filter(({ side }) => side === 'client').length).toBeGreaterThanOrEqual(40);
  });

  test('stands in the table of the documentation, with the checks that it loses', async () => {
    const rows = FAULTS.map(({ side, base, name, about, loses }) => {
      return `| ${side} | ${base} | ${name} | ${about} | ${loses.join(', ')} |`;
    });
    const head = ['| of a | planted in | fault | what it does | checks that it loses |'];
    const table = [...head, '| --- | --- | --- | --- | --- |', ...rows, ''].join('\n');
    await expect(table).toMatchFileSnapshot('../submissions/TABLE.md');
  });
});

describe.skipIf(!canGrade)('wirelab check', () => {
  // They wait more than they work.
  test.concurrent.each([
    ...RIGHT.server.map((file) => ['server', file] as const),
    ...RIGHT.client.map((file) => ['client', file] as const),
  ])('gives all points to a right %s, whatever its reading: %s', async (side, file) => {
    const { results } = await grade(side, file, await submission(side, file), SOME[side]);
    expect(results.flatMap(({ findings }) => findings)).toEqual([]);
    expect(results.map(({ status }) => status)).toEqual(SOME[side].map(() => 'passed'));
  });

  test.concurrent.each(['server', 'client'] as const)(
    'gives all points to the %s of this project',
    async (side) => {
      const { results } = await gradeOwn(side, [...SOME[side], OWN_RISK[side]]);
      expect(results.flatMap(({ findings }) => findings)).toEqual([]);
      expect(results).toHaveLength(SOME[side].length + 1);
    },
  );

  test.concurrent.each(MISTAKES)(
    'finds the mistake of the %s %s: %s',
    async (side, base, name, checks) => {
      const fault = FAULTS.find(
        (one) => one.side === side && one.base === base && one.name === name,
      );
      if (fault === undefined) throw new Error('there is no such fault');
      for (const check of checks) expect(fault.loses).toContain(check);
      // Beside them, one that has nothing to do with it.
      const report = await grade(side, base, await faulty(fault), ['connect', ...checks]);
      expect(lostBy(report)).toEqual(checks);
      for (const result of report.results.filter(({ status }) => status !== 'passed')) {
        expect(result.steps.length).toBeGreaterThan(2);
        expect(result.findings[0]?.expected).toBeDefined();
        expect(result.command).toContain(`--only ${result.check}`);
      }
    },
  );

  test.concurrent('knows the words of a client from the assignment', async () => {
    const question = "Download reached 50%. Write 'proceed' to continue, anything else to stop: ";
    const right = await submission('client', 'line.py');
    expect(right).toContain(question);
    const text = right.replace(question, 'Die Haelfte ist da, und nun: ');
    await using folder = await TemporaryFolder.create({
      'assignment.yaml': 'prompts: { question: Haelfte }\n',
    });
    const assignment = ['--assignment', join(folder.path, 'assignment.yaml')];
    const only = ['asks-at-half'];
    expect(lostBy(await grade('client', 'line.py', text, only))).toEqual(only);
    expect(lostBy(await grade('client', 'line.py', text, only, assignment))).toEqual([]);
  });

  test.concurrent('waits for the ports that a slow server has, where one is missing', async () => {
    const fault = FAULTS.find(({ name }) => name === 'last-port-missing');
    if (fault === undefined) throw new Error('there is no such fault');
    const opened = '        ports.append(port)\n';
    const [before, after] = (await faulty(fault)).split(opened);
    const text = `${before}${opened}        time.sleep(0.1)\n${after}`;
    // The last one is not waited for any more when its turn has come, and talks to the second port.
    const only = ['starts', 'connect', 'users', 'message-to-all', 'places-are-freed'];
    expect(lostBy(await grade('server', 'line.py', text, only))).toEqual([]);
  });

  test.concurrent('starts a server once more that has taken too long the first time', async () => {
    const slowOnce = `import os, time
if not os.path.exists('has-started'):
    open('has-started', 'w').close()
    time.sleep(3600)
`;
    const text = slowOnce + (await submission('server', 'line.py'));
    expect(lostBy(await grade('server', 'line.py', text, ['starts', 'connect']))).toEqual([]);
  });
});
