import { mkdir, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { handedIn, whereIs } from '../../lib/app/handed-in.ts';
import { TemporaryFolder } from './folders.ts';

describe('what is handed in', () => {
  test('is told by its newest file, and another time when anything of it has changed', async () => {
    await using folder = await TemporaryFolder.create({ 'server.py': 'one', 'notes.txt': '' });
    const at = (name: string): string => join(folder.path, name);
    const day = (date: string): Date => new Date(`2026-03-${date}T12:00:00Z`);
    await utimes(at('server.py'), day('02'), day('02'));
    await utimes(at('notes.txt'), day('01'), day('01'));
    const first = await handedIn(folder.path);
    expect(first).toMatchObject({ newest: day('02').getTime(), files: ['notes.txt', 'server.py'] });
    // What the grader and others have left is none of it.
    for (const name of ['wirelab-check', '__MACOSX', 'out']) {
      await mkdir(at(name));
      await writeFile(join(at(name), 'server.py'), 'two');
    }
    expect(await handedIn(folder.path, at('out'))).toEqual(first);
    await writeFile(at('server.py'), 'two');
    await utimes(at('server.py'), day('03'), day('03'));
    const second = await handedIn(folder.path, at('out'));
    expect(second.newest).toBe(day('03').getTime());
    expect(second.fingerprint).not.toBe(first.fingerprint);
  });

  test('has no newer file than now', async () => {
    await using folder = await TemporaryFolder.create({ 'server.py': '' });
    const next = Date.now() + 86_400_000;
    await utimes(join(folder.path, 'server.py'), next / 1000, next / 1000);
    expect((await handedIn(folder.path)).newest).toBeLessThan(next);
  });

  test.each([
    ['python3 Server.py', ['Server.py'], undefined],
    ['python3 Server.py', [], 'the folder is empty'],
    ['python3 Server.py', ['a/b/Server.py'], 'there is no Server.py, but a/b/Server.py'],
    ['python3 Server.py', ['server.py'], 'there is no Server.py: the folder has server.py'],
    ['python3 src/Server.py -x', ['src/Server.py'], undefined],
    ['java Server', ['Server.class'], undefined],
    ['/usr/bin/python3.11 main.py', ['main.py'], undefined],
    ['./server', ['server'], undefined],
    ['python3.11 main.py', ['main.py'], undefined],
    ['java -cp . chat.Server', ['chat/Server.class'], undefined],
    ['java -Dfile.encoding=UTF-8 Server', ['Server.class'], undefined],
    ['npx tsx@4.19 Server.ts', ['Server.ts'], undefined],
    ['python3 -m pkg.server', ['pkg/server.py'], undefined],
  ])('%s in a folder with %j: %s', (command, files, words) => {
    expect(whereIs(command, { files })).toBe(words);
  });
});
