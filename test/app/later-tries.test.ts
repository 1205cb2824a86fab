import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CheckRun, type GradingOptions, gradeAll } from '../../lib/app/grading.ts';
import { DEFAULT_ASSIGNMENT } from '../../lib/lab/grader/assignment.ts';
import type { CheckInfo, Result } from '../../lib/lab/grader/check.ts';
import { CheckNotes } from '../../lib/lab/grader/check-notes.ts';
import { recordLost } from '../../lib/net/tap.ts';
import { TemporaryFolder } from './folders.ts';

const CHECK: CheckInfo = {
  ...{ name: 'pause', family: 'pausing', points: 4, needs: 'online' },
  ...{ line: 'what the document says', hint: 'where to look' },
};
const OTHER: CheckInfo = { ...CHECK, name: 'proceed', points: 2 };

/**
 * Grades while the machine is busy.
 * @param shares of the points of `CHECK` that are lost, try by try
 * @returns the results, and what came, in order
 */
async function grade(
  folder: string,
  shares: readonly number[],
): Promise<{ results: Result[]; came: string[] }> {
  const came: string[] = [];
  let tries = 0;
  const options: GradingOptions = {
    ...{ assignment: DEFAULT_ASSIGNMENT, captures: folder, repeat: () => 'again' },
    onResult: ({ check, earned }) => came.push(`${check} ${earned}`),
    onAgain: () => came.push('again'),
  };
  const socket = createSocket('udp4').bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const one = async (run: CheckRun<CheckInfo>): Promise<Result> => {
    const notes = new CheckNotes();
    run.record();
    if (run.check === CHECK) tries += 1;
    const share = run.check === CHECK ? (shares[tries - 1] ?? 0) : 0;
    const to = { address: '127.0.0.1', port: 9 };
    recordLost(socket, Buffer.from(`datagram of try ${tries}`), to, 'lost');
    if (share > 0) notes.blame({ wrong: `wrong at try ${tries}`, share });
    run.mayBeSpoilt();
    return await run.result(notes, `output of try ${tries}`);
  };
  const subject = { side: 'server', reached: 'download-whole' } as const;
  try {
    return { results: await gradeAll(subject, [CHECK, OTHER], options, one), came };
  } finally {
    socket.close();
  }
}

describe('what costs points while the machine is busy', () => {
  test('is done again when all had their turn', async () => {
    await using folder = await TemporaryFolder.create();
    const { results, came } = await grade(folder.path, [1, 0]);
    expect(came).toEqual(['pause 0', 'proceed 2', 'again', 'pause 4']);
    expect(results[0]).toMatchObject({ earned: 4, findings: [], output: 'output of try 2' });
    expect(results[0]?.steps).toEqual(['tried 2 times, as the machine was busy']);
    // Nothing is left to be shown.
    expect(readdirSync(folder.path)).toEqual([]);
  });

  test('comes with the output and the capture of the best try', async () => {
    await using folder = await TemporaryFolder.create();
    const { results } = await grade(folder.path, [1, 0.5, 0.75]);
    expect(results[0]).toMatchObject({ earned: 2, output: 'output of try 2' });
    expect(results[0]?.findings).toMatchObject([{ wrong: 'wrong at try 2' }]);
    expect(results[0]?.capture).toBe(join(folder.path, 'pause.pcapng'));
    expect(readdirSync(folder.path)).toEqual(['pause.pcapng']);
    expect(readFileSync(join(folder.path, 'pause.pcapng'), 'latin1')).toMatch(/datagram of try 2/);
  });

  test('stays as it was where no other try is better', async () => {
    await using folder = await TemporaryFolder.create();
    const { results } = await grade(folder.path, [0.5, 1, 0.5]);
    expect(results[0]).toMatchObject({ earned: 2, output: 'output of try 1' });
    expect(readdirSync(folder.path)).toEqual(['pause.pcapng']);
    expect(readFileSync(join(folder.path, 'pause.pcapng'), 'latin1')).toMatch(/datagram of try 1/);
  });
});
