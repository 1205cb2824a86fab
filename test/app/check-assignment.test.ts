import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type Assigned, assignedBy } from '../../lib/app/check-assignment.ts';
import { UsageError } from '../../lib/app/exit-status.ts';
import { USUAL_CLIENT_READINGS } from '../../lib/lab/grader/client-readings.ts';
import {
  clientReadingsInWords,
  serverReadingsInWords,
} from '../../lib/lab/grader/readings-words.ts';
import { USUAL_READINGS } from '../../lib/lab/grader/server-readings.ts';
import { TemporaryFolder } from './folders.ts';
import { REPOSITORY } from './programs.ts';

const OF_SERVER = { server: 'python3 s.py' };
const OF_CLIENT = { client: 'python3 c.py' };

/** What comes of an assignment of that text. */
async function assigned(text: string, flags: Parameters<typeof assignedBy>[0]): Promise<Assigned> {
  await using folder = await TemporaryFolder.create({ 'a.yaml': text });
  return assignedBy({ ...flags, assignment: join(folder.path, 'a.yaml') });
}

describe('an assignment', () => {
  test('can say what the documentation says', async () => {
    const text = await readFile(join(REPOSITORY, 'README.md'), 'utf8');
    const [, yaml = ''] = /```yaml\n(title: [\s\S]*?)```/.exec(text) ?? [];
    const { assignment } = await assigned(yaml, {});
    expect(assignment).toMatchObject({ side: 'server', readings: { 'it pauses at': '50 %' } });
  });

  test('takes the words of the report, whatever their white space', async () => {
    const server = 'readings: { it pauses at: 20%, parts are numbered: in ASCII  digits }';
    await expect(assigned(server, OF_SERVER)).resolves.toMatchObject({ side: 'server' });
    const client = 'client: java C\nreadings: { it asks whether to go on: at 20 % }';
    await expect(assigned(client, {})).resolves.toMatchObject({ side: 'client' });
    for (const [words, flags] of [
      [serverReadingsInWords({ ...USUAL_READINGS, pauseAt: undefined }), OF_SERVER],
      [serverReadingsInWords({ ...USUAL_READINGS, separator: ',' }), OF_SERVER],
      [clientReadingsInWords({ ...USUAL_CLIENT_READINGS, asksAt: undefined }), OF_CLIENT],
      [clientReadingsInWords({ ...USUAL_CLIENT_READINGS, proceedBy: undefined }), OF_CLIENT],
    ] as const) {
      const text = JSON.stringify({ readings: Object.fromEntries(words) });
      await expect(assigned(text, flags)).resolves.toBeDefined();
    }
  });

  test('may have its command replaced, and not its side', async () => {
    const other = await assigned('server: python3 Server.py', { server: 'java Server' });
    expect(other).toMatchObject({ side: 'server', command: 'java Server' });
    await expect(assigned('client: java Client', OF_SERVER)).rejects.toThrow(
      /^--server does not go with \S+a\.yaml, which is about a client$/,
    );
  });

  test('that is not there is refused in one line', () => {
    const nowhere = { ...OF_SERVER, assignment: 'nope.yaml' };
    expect(() => assignedBy(nowhere)).toThrow(new UsageError('there is no file nope.yaml'));
    const folder = { ...OF_SERVER, assignment: REPOSITORY };
    expect(() => assignedBy(folder)).toThrow(/^\S+ cannot be read: .*directory/);
  });

  test.each([
    ['readings: { it pauses at: 70 % }', OF_SERVER, /'50 %', '20 %', 'no place', not '70 %'$/],
    ['readings: { parts are numbered: big-endian }', OF_SERVER, /'in 4 bytes, big-endian'.*not/],
    [
      'client: java C\nreadings: { it pauses at: 50 % }',
      {},
      /'it pauses at' is a reading of a server, and a client is graded; there are .*'it asks whether/,
    ],
    ['readings: { it sleeps at: 50 % }', OF_CLIENT, /no reading 'it sleeps at' of a client/],
    ['points: { all-ports: 5 }', OF_CLIENT, /points: 'all-ports' is a check of a server, and a/],
    ['points: { paus: 5 }', OF_SERVER, /points: there is no check 'paus' of a server; see --list/],
    ['points: { pausing: 5 }', OF_SERVER, /points: there is no check 'pausing'/],
    [
      'families: [resending]',
      OF_CLIENT,
      /families: 'resending' is a family of a server, and a cli/,
    ],
    ['families: [pause]', OF_SERVER, /families: there is no family 'pause'/],
    [
      'hidden: [asks-at-half]',
      OF_SERVER,
      /hidden: 'asks-at-half' is a check or family of a client/,
    ],
    [
      'families: [starting]\nhidden: [starting, pause]',
      OF_SERVER,
      /hidden: 'pause' is not graded at all: it is in none of the families/,
    ],
  ])('%j is refused for %j', async (text, flags, words) => {
    const refused = assigned(text, flags);
    await expect(refused).rejects.toThrow(UsageError);
    await expect(refused).rejects.toThrow(words);
    await expect(refused).rejects.toThrow(/^\S+a\.yaml: /);
  });
});
