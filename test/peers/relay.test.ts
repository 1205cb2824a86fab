/** Peers of the relay protocol, written from its document alone, in Python, against ours. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import { Program, start, WIRELAB } from '../app/programs.ts';
import { hasPython, PYTHON, PYTHON_FLAGS } from '../support/python.ts';
import { startRelay } from '../support/relay-under-test.ts';

if (!hasPython) {
  console.warn('Left out: the relay peers in Python. They need python3.');
}

const BYTES = patternBytes(2_000_000);

function python(script: string, args: readonly string[]): Program {
  return new Program(PYTHON, [...PYTHON_FLAGS, join(import.meta.dirname, script), ...args]);
}

async function expectDone(program: Program): Promise<void> {
  const { status, stdout, stderr } = await program.exit;
  expect({ status, stdout, stderr }).toMatchObject({ status: 0 });
}

describe.skipIf(!hasPython)('clients in Python and our server', () => {
  test.each([
    ['table', []],
    ['dialogue', []],
    ['table', ['--break-at', '700000']],
  ] as const)('in the dialect of the %s %s', async (dialect, flags) => {
    await using folder = await TemporaryFolder.create({ 'a b.bin': BYTES });
    await using relay = await startRelay(join(folder.path, 'store'), { dialect });
    const { commandPort, notificationPort } = relay.driver;
    const route = ['--command-port', String(commandPort), '--notif-port', String(notificationPort)];
    const out = join(folder.path, 'copy');
    const reader = ['--name', 'bob', '--key', 'kb', '--out', out, ...flags];
    await using bob = python('relay_client.py', [...route, ...reader]);
    await bob.waitFor(/<< bob/);
    const sender = ['--name', 'alice', '--key', 'ka', '--to', 'bob', ...flags];
    const send = ['--send', join(folder.path, 'a b.bin')];
    await using alice = python('relay_client.py', [...route, ...sender, ...send]);
    await expectDone(alice);
    await expectDone(bob);
    expect((await readFile(out)).equals(BYTES)).toBe(true);
    expect(bob.stdout).toContain('file a b.bin');
  });
});

describe.skipIf(!hasPython)('our clients and a server in Python', () => {
  test.each([
    ['in the dialect of the table', []],
    ['in that of the dialogue', ['--dialogue']],
    ['that loses a connection', ['--break-once', '500000']],
  ])('%s', async (_name, flags) => {
    await using folder = await TemporaryFolder.create({ 'a b.bin': BYTES, ka: 'ka', kb: 'kb' });
    const to = join(folder.path, 'to');
    await mkdir(to);
    await using server = python('relay_server.py', flags);
    const [, commands = '', notes = ''] = await server.waitFor(/listening on (\d+) (\d+)/);
    const route = ['--command-port', commands, '--notif-port', notes];
    const who = (name: string): string[] => {
      return [...route, '--name', name, '--key-file', join(folder.path, `k${name[0]}`)];
    };
    const receive = ['relay', 'receive', '--accept', 'all', '--to', to, '--once', ...who('bob')];
    await using bob = start(WIRELAB, receive);
    await bob.waitFor(/bob is there/);
    const send = ['relay', 'send', join(folder.path, 'a b.bin'), 'bob', ...who('alice')];
    await using alice = start(WIRELAB, send);
    await expectDone(alice);
    await expectDone(bob);
    expect((await readFile(join(to, 'a b.bin'))).equals(BYTES)).toBe(true);
  });
});
