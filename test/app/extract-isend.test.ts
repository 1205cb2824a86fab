import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { cut, extract } from '../support/extracted.ts';
import { patternBytes, TemporaryFolder } from './folders.ts';
import { run, start, WIRELAB } from './programs.ts';

const BYTES = patternBytes(200_000);

test('isend: a folder and files, out of the captures of both sides', async () => {
  await using folder = await TemporaryFolder.create({ 'a.txt': 'a', 'b.bin': BYTES });
  const at = (...names: readonly string[]): string => join(folder.path, ...names);
  await mkdir(at('tree', 'inner', '.deep'), { recursive: true });
  await mkdir(at('to'));
  await writeFile(at('tree', 'inner', '.deep', 'empty'), '');
  await writeFile(at('tree', 'inner', `${'x'.repeat(251)}.bin`), BYTES.subarray(7));
  await writeFile(at('to', 'a.txt'), 'it is there already');
  await using receiver = start(WIRELAB, [
    ...['isend', 'receive', '--host', '127.0.0.1', '--port', '0', '--to', at('to'), '--once'],
    ...['--on-conflict', 'skip', '--capture', at('receiver.pcapng')],
  ]);
  const [, port = ''] = await receiver.waitFor(/listening on TCP port (\d+)/);
  const paths = ['tree', 'a.txt', 'b.bin'].map((name) => at(name));
  await run(WIRELAB, [
    ...['isend', 'send', '127.0.0.1', '--port', port, ...paths],
    ...['--capture', at('sender.pcapng')],
  ]);
  await receiver.exit;
  for (const side of ['sender', 'receiver']) {
    await using extracted = await extract(at(`${side}.pcapng`));
    const { path } = extracted.folder;
    expect(extracted).toMatchObject({ areWhole: true });
    expect(extracted.told).toMatch(/^tree\/inner\/\.deep\/empty .*: whole, saved as /m);
    expect(extracted.told).toMatch(
      /^a\.txt .*: not in the capture: all of it \(the receiver did not want it: .*\)$/m,
    );
    expect((await readdir(path)).sort()).toEqual(['b.bin', 'tree']);
    expect((await readFile(join(path, 'b.bin'))).equals(BYTES)).toBe(true);
    const inner = join(path, 'tree', 'inner');
    expect(await readFile(join(inner, '.deep', 'empty'), 'utf8')).toBe('');
    const long = await readFile(join(inner, `${'x'.repeat(251)}.bin`));
    expect(long.equals(BYTES.subarray(7))).toBe(true);
  }
  // Up to what is somewhere within the last file.
  const short = await cut(at('sender.pcapng'), (packets) => {
    const last = packets.findLastIndex(({ length }) => length > 32_000);
    return packets.slice(0, last);
  });
  await using extracted = await extract(short);
  expect(extracted.areWhole).toBe(false);
  expect(extracted.told).toMatch(/^b\.bin .*: not in the capture: .*; kept as .*b\.bin\.part$/m);
});

test('isend: no name leads out of the folder', async () => {
  await using folder = await TemporaryFolder.create();
  const capture = join(folder.path, 'demo.pcapng');
  expect((await run(WIRELAB, ['demo', 'isend', '--capture', capture])).status).toBe(0);
  // Names of the same length, in their place.
  const bytes = await readFile(capture);
  const swap = (from: string, to: string): void => {
    for (let at = bytes.indexOf(from); at !== -1; at = bytes.indexOf(from)) bytes.write(to, at);
  };
  swap('pictures', '../../..');
  swap('notes.txt', '../../../');
  swap('nothing.txt', '/etc/passwd');
  await writeFile(capture, bytes);
  await mkdir(join(folder.path, 'a', 'b'), { recursive: true });
  const to = join(folder.path, 'a', 'b', 'to');
  const { stdout } = await run(WIRELAB, ['extract', capture, '--to', to]);
  expect(stdout).toContain('whole');
  expect(await readdir(folder.path)).toEqual(['a', 'demo.pcapng']);
  expect(await readdir(join(folder.path, 'a', 'b'))).toEqual(['to']);
  expect(await readdir(to)).toHaveLength(1);
});
