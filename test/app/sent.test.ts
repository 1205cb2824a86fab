import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { freePorts } from '../net/free-ports.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { needSeveralAddresses } from '../support/loopback.ts';
import { someBytes } from '../support/server-under-test.ts';
import { openTerminal, run, start, WIRELAB } from './programs.ts';

needSeveralAddresses();

const BYTES = someBytes(3_000_000);

/** Peers as programs, each with an address of its own. */
async function makeLan() {
  const folder = await TemporaryFolder.make();
  const { udpPort, tcpPort } = await freePorts();
  const ports = ['--udp-port', String(udpPort), '--tcp-port', String(tcpPort)];
  await writeFile(join(folder.path, 'film.mp4'), BYTES);
  const flags = (name: string, ip: string): string[] => [
    ...['--name', name, '--ip', ip, '--broadcast', '127.255.255.255', ...ports],
  ];
  const receive = async (name: string, ip: string, ...more: readonly string[]) => {
    const to = ['--to', join(folder.path, name), '--once'];
    const program = start(WIRELAB, ['sent', 'receive', ...flags(name, ip), ...to, ...more]);
    await program.waitFor(new RegExp(`${name} is there`));
    return program;
  };
  return {
    path: (...names: readonly string[]) => join(folder.path, ...names),
    flags,
    receive,
    send: (...names: readonly string[]) =>
      run(WIRELAB, [
        ...['sent', 'send', join(folder.path, 'film.mp4'), ...names],
        ...flags('ann', '127.0.0.2'),
      ]),
    [Symbol.asyncDispose]: () => folder[Symbol.asyncDispose](),
  };
}

test('list, send and receive: who wants it has it, and who does not stops nobody', async () => {
  await using lan = await makeLan();
  await using bob = await lan.receive('bob', '127.0.0.3', '--accept', 'all');
  await using cy = await lan.receive('cy', '127.0.0.4', '--accept', 'none');
  const listed = await run(WIRELAB, ['sent', 'list', ...lan.flags('ann', '127.0.0.2')]);
  expect(listed).toMatchObject({ stdout: 'bob\t127.0.0.3\ncy\t127.0.0.4\n', status: 0 });
  const sent = await lan.send('bob', 'cy');
  expect(sent.stderr).toContain('bob has it.\n');
  expect(sent.stderr).toContain('cy does not want it.\n');
  expect(sent.status).toBe(1);
  expect(await bob.exit).toMatchObject({ status: 0, stdout: `${lan.path('bob', 'film.mp4')}\n` });
  expect((await readFile(lan.path('bob', 'film.mp4'))).equals(BYTES)).toBe(true);
  cy.kill('SIGINT');
  expect((await cy.exit).status).toBe(0);
  expect(await readdir(lan.path('bob'))).toEqual(['film.mp4']);
});

test('a person is asked, with name and size', async () => {
  await using lan = await makeLan();
  const flags = ['--to', lan.path('bob'), '--once'];
  await using bob = openTerminal(WIRELAB, [
    ...['sent', 'receive', ...lan.flags('bob', '127.0.0.3'), ...flags],
  ]);
  await bob.waitFor('bob is there.');
  const sending = lan.send('bob');
  await bob.waitFor('ann (127.0.0.2) offers film.mp4 (3.0 MB). Take it?');
  bob.enter('y');
  await bob.waitFor('Saved as');
  expect((await bob.exit).exitCode).toBe(0);
  expect(await sending).toMatchObject({ status: 0 });
  expect((await readFile(lan.path('bob', 'film.mp4'))).equals(BYTES)).toBe(true);
});

test('nobody of that name, two of one name, and no file are told', async () => {
  await using lan = await makeLan();
  await using one = await lan.receive('bob', '127.0.0.3', '--accept', 'all');
  await using two = await lan.receive('bob', '127.0.0.4', '--accept', 'all');
  expect((await lan.send('nobody')).stderr).toBe('error: nobody is not there\n');
  const several = await lan.send('bob');
  expect(several.stderr).toMatch(/^error: several are called bob: say 127\.0\.0\.[34] or 127/);
  expect(several.status).toBe(1);
  expect(await lan.send('127.0.0.4')).toMatchObject({ status: 0 });
  expect((await two.exit).status).toBe(0);
  one.kill('SIGTERM');
  expect((await one.exit).status).toBe(0);
  const missing = ['sent', 'send', lan.path('nothing'), 'bob', ...lan.flags('ann', '127.0.0.2')];
  expect((await run(WIRELAB, missing)).stderr).toMatch(/^error: .*nothing cannot be read/);
});

test('a session: who is there, an offer, and one that comes meanwhile', async () => {
  await using lan = await makeLan();
  const session = (name: string, ip: string) =>
    openTerminal(WIRELAB, ['sent', ...lan.flags(name, ip), '--to', lan.path(name)], { cols: 60 });
  await using ann = session('ann', '127.0.0.2');
  await using bob = session('bob', '127.0.0.3');
  await ann.waitFor('bob (127.0.0.3) is there.');
  await bob.waitFor('ann (127.0.0.2) is there.');
  ann.enter('list');
  await ann.waitFor(/\n {2}bob \(127\.0\.0\.3\)/);
  ann.enter(`send "${lan.path('film.mp4')}" bob`);
  await bob.waitFor(/offers film\.mp4 \(3\.0 MB\)/);
  bob.enter('y');
  await ann.waitFor('bob has it.');
  await bob.waitFor('Saved as');
  expect((await readFile(lan.path('bob', 'film.mp4'))).equals(BYTES)).toBe(true);
  ann.enter('send nothing bob');
  await ann.waitFor('That did not work: nothing cannot be read');
  ann.enter('fetch');
  await ann.waitFor("There is no command fetch; 'help' lists them.");
  ann.press('ctrl-c');
  await bob.waitFor('ann (127.0.0.2) has left.');
  expect((await ann.exit).exitCode).toBe(1);
  bob.enter('quit');
  expect((await bob.exit).exitCode).toBe(0);
});

test('a session in a pipe: one command after the other, and an answer to a question', async () => {
  await using lan = await makeLan();
  await using bob = start(WIRELAB, [
    ...['sent', ...lan.flags('bob', '127.0.0.3'), '--to', lan.path('bob')],
  ]);
  await bob.waitFor(/bob is there/);
  await using ann = start(WIRELAB, ['sent', ...lan.flags('ann', '127.0.0.2')]);
  ann.endInput(`send ${lan.path('film.mp4')} bob`, 'list');
  await bob.waitFor(/ann \(127\.0\.0\.2\) offers film\.mp4 \(3\.0 MB\)\. Take it\? \(yes\/no\)\n/);
  bob.enter('yes');
  const { stdout, status } = await ann.exit;
  expect(stdout).toMatch(/\nAsking bob …\nbob has it\.\n> list\n {2}bob \(127\.0\.0\.3\)\n/);
  expect(status).toBe(0);
  await bob.waitFor(/Saved as /);
  bob.endInput();
  expect((await bob.exit).status).toBe(0);
});

test('demo sent', async () => {
  const { status, stdout, stderr } = await run(WIRELAB, ['demo', 'sent']);
  expect(stderr).toBe('');
  expect(stdout).toMatch(/cy has it\./);
  expect(stdout).toMatch(/everything was as it must be\n$/);
  expect(status).toBe(0);
});
