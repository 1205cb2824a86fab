import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KeyHashes } from '../../lib/storage/key-hash.ts';
import { UsersFile } from '../../lib/storage/users-file.ts';
import { patternBytes, TemporaryFolder } from '../app/folders.ts';
import { agree, logIn, PlainPeer, startRelay } from '../support/relay-under-test.ts';
import { until } from './waiting.ts';

const BYTES = patternBytes(3_000_000);

describe('a transfer', () => {
  test('is read while it is written, and is over when everybody has read it', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    using bob = await logIn(relay, 'bob');
    using carol = await logIn(relay, 'carol');
    const port = await agree(
      alice,
      [
        ['bob', bob],
        ['carol', carol],
      ],
      'a b.bin',
      BYTES.length,
    );
    await bob.notes.hears(`OPEN alice "a b.bin" ${port}\r\n`);
    using reader = await PlainPeer.open(port);
    reader.say('READ bob k 0');
    await reader.hears('500 "a b.bin"\r\n');
    using writer = await PlainPeer.open(port);
    writer.say('WRITE alice k');
    await writer.hears('500 "a b.bin"\r\n');
    writer.socket.write(BYTES.subarray(0, 1000));
    // Before the writer goes on, the reader has what is there.
    await until('the first bytes', () => reader.body.length === 1000);
    writer.socket.write(BYTES.subarray(1000));
    await writer.ends();
    await reader.ends();
    expect(reader.body.equals(BYTES)).toBe(true);
    reader.socket.end();
    using late = await PlainPeer.open(port);
    late.say('READ carol k 2999990');
    await late.ends();
    expect(late.body.equals(BYTES.subarray(2_999_990))).toBe(true);
    expect(relay.driver.transfers).toBe(1);
    late.socket.end();
    await until('the end of the transfer', () => relay.driver.transfers === 0);
    await until('an empty store', async () => {
      return (await readdir(join(folder.path, 'files'))).length === 0;
    });
    expect(relay.errors).toEqual([]);
  });

  test('of nothing arrives, too', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    const port = await agree(alice, [['alice', alice]], 'empty', 0);
    using writer = await PlainPeer.open(port);
    writer.say('WRITE alice k');
    await writer.ends();
    using reader = await PlainPeer.open(port);
    reader.say('READ alice k 0');
    await reader.ends();
    expect(reader.text).toBe('500 "empty"\r\n');
    reader.socket.end();
    await until('the end of the transfer', () => relay.driver.transfers === 0);
  });

  test('is gone on with after a lost connection, on both sides', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    using bob = await logIn(relay, 'bob');
    const port = await agree(alice, [['bob', bob]], 'f', BYTES.length);
    const writer = await PlainPeer.open(port);
    writer.say('WRITE alice k');
    await writer.hears('500 ');
    writer.socket.write(BYTES.subarray(0, 777_777));
    const reader = await PlainPeer.open(port);
    reader.say('READ bob k');
    await until('some bytes', () => reader.body.length === 777_777);
    reader.socket.destroy();
    // The first connection is still open when the second one comes.
    using second = await PlainPeer.open(port);
    second.say('WRITE alice k resume');
    await second.hears('500 "f" ');
    const stored = Number(/500 "f" (\d+)\r\n/.exec(second.text)?.[1]);
    expect(stored).toBe(777_777);
    await writer.ends();
    second.socket.write(BYTES.subarray(stored));
    await second.ends();
    using done = await PlainPeer.open(port);
    done.say('WRITE alice k resume');
    await done.ends();
    expect(done.text).toBe(`500 "f" ${BYTES.length}\r\n`);
    using again = await PlainPeer.open(port);
    again.say('READ bob k 777777 details');
    await again.ends();
    expect(again.text).toContain(`500 "f" ${BYTES.length}\r\n`);
    expect(again.body.equals(BYTES.subarray(777_777))).toBe(true);
  });

  test('does not begin anew once somebody has read of it', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    const port = await agree(alice, [['alice', alice]], 'f', 10);
    const begin = async (bytes: string): Promise<PlainPeer> => {
      const writer = await PlainPeer.open(port);
      writer.say('WRITE alice k');
      await writer.hears('50');
      if (writer.text.startsWith('500')) writer.socket.write(bytes);
      return writer;
    };
    using one = await begin('xxxx');
    using two = await begin('01234');
    await one.ends();
    using reader = await PlainPeer.open(port);
    reader.say('READ alice k 0');
    await until('the bytes of the second', () => reader.body.toString() === '01234');
    await until('the note of it', async () => {
      using three = await begin('yyyyy');
      return three.text.startsWith('501 DENIED');
    });
    expect(reader.body.toString()).toBe('01234');
    expect(two.text).toBe('500 "f"\r\n');
  });

  test.each([
    ['READ bob k 0', '501 DENIED'],
    ['READ alice wrong 0', '501 DENIED'],
    ['READ alice k 11', '501 DENIED'],
    ['WRITE bob k', '501 DENIED'],
    ['WRITE alice wrong', '501 DENIED'],
    ['HELLO', '502 BAD COMMAND'],
    ['READ alice', '502 BAD COMMAND'],
    ['too long', '502 BAD COMMAND'],
  ] as const)('%s is answered with %s, and closed', async (line, answer) => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path);
    using alice = await logIn(relay, 'alice');
    using _bob = await logIn(relay, 'bob');
    const port = await agree(alice, [['alice', alice]], 'f', 10);
    using peer = await PlainPeer.open(port);
    peer.say(line === 'too long' ? 'x'.repeat(5000) : line);
    await peer.ends();
    expect(peer.text).toMatch(new RegExp(`^${answer}(: .*)?\r\n$`));
    expect(relay.driver.transfers).toBe(1);
  });

  test('in the other dialect', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path, { dialect: 'dialogue' });
    using alice = await logIn(relay, 'alice');
    const port = await agree(alice, [['alice', alice]], 'f', 2);
    using denied = await PlainPeer.open(port);
    denied.say('READ alice other 0');
    await denied.hears('601 DENIED');
    using writer = await PlainPeer.open(port);
    writer.say('WRITE alice k');
    await writer.hears('600 OK\r\n');
    writer.socket.write('hi');
    using reader = await PlainPeer.open(port);
    reader.say('READ alice k 1');
    await reader.ends();
    expect(reader.text).toBe('600 OK\r\ni');
  });

  test('ends when it was kept long enough', async () => {
    await using folder = await TemporaryFolder.create();
    await using relay = await startRelay(folder.path, { keep: 50 });
    using alice = await logIn(relay, 'alice');
    await agree(alice, [['alice', alice]], 'f', 2);
    await until('the end of the transfer', () => relay.driver.transfers === 0);
  });
});

describe('a server that is started again', () => {
  test('has the transfers, their ports, and what was stored', async () => {
    await using folder = await TemporaryFolder.create();
    let port = 0;
    {
      await using relay = await startRelay(folder.path);
      using alice = await logIn(relay, 'alice');
      port = await agree(alice, [['alice', alice]], 'f', BYTES.length);
      using writer = await PlainPeer.open(port);
      writer.say('WRITE alice k');
      await writer.hears('500 ');
      writer.socket.write(BYTES.subarray(0, 1_000_000));
      using reader = await PlainPeer.open(port);
      reader.say('READ alice k 0');
      await until('the bytes', () => reader.body.length === 1_000_000);
    }
    await using relay = await startRelay(folder.path);
    expect(relay.driver.transfers).toBe(1);
    using impostor = await logIn(relay, 'alice', 'other');
    impostor.command.say('LIST');
    await impostor.command.hears('300 1');
    impostor.command.socket.end();
    await impostor.command.ends();
    using alice = await logIn(relay, 'alice');
    await alice.notes.hears(`OPEN alice "f" ${port}\r\n`);
    expect(impostor.notes.text).not.toContain('OPEN');
    using writer = await PlainPeer.open(port);
    writer.say('WRITE alice k resume');
    await writer.hears('500 "f" 1000000\r\n');
    writer.socket.write(BYTES.subarray(1_000_000));
    using reader = await PlainPeer.open(port);
    reader.say('READ alice k 0');
    await reader.ends();
    expect(reader.body.equals(BYTES)).toBe(true);
  });

  test('is told when another one uses the store', async () => {
    await using folder = await TemporaryFolder.create();
    await using _relay = await startRelay(folder.path);
    await expect(startRelay(folder.path)).rejects.toThrow('another server uses it');
  });
});

test('the quota is kept, and free again when a transfer is over', async () => {
  await using folder = await TemporaryFolder.create();
  await using relay = await startRelay(folder.path, { quota: 100 });
  using alice = await logIn(relay, 'alice');
  const port = await agree(alice, [['alice', alice]], 'one', 60);
  alice.command.say('SEND two 60 1', 'alice');
  await until('the question', () => alice.notes.text.split('RCFR').length === 3);
  alice.notes.say('400 OK');
  await alice.command.hears('404 SERVER ERROR: no room');
  using writer = await PlainPeer.open(port);
  writer.say('WRITE alice k');
  await writer.hears('500');
  writer.socket.write(Buffer.alloc(60));
  using reader = await PlainPeer.open(port);
  reader.say('READ alice k 0');
  await reader.ends();
  reader.socket.end();
  await until('the end of the transfer', () => relay.driver.transfers === 0);
  await agree(alice, [['alice', alice]], 'two', 60);
});

test('with known users, a wrong key is refused on every connection', async () => {
  await using folder = await TemporaryFolder.create();
  const users = new UsersFile(join(folder.path, 'users'));
  const hashes = new KeyHashes();
  await users.set('alice', await hashes.hash('right', 1024));
  await using relay = await startRelay(join(folder.path, 'store'), { users, hashes });
  for (const line of ['alice wrong', 'bob right']) {
    using peer = await PlainPeer.open(relay.driver.commandPort);
    peer.say(line);
    await peer.ends();
    expect(peer.text).toBe('WELCOME\r\n202 AUTHENTICATION FAILED\r\n');
  }
  using alice = await logIn(relay, 'alice', 'right');
  const port = await agree(alice, [['alice', alice]], 'f', 1);
  using denied = await PlainPeer.open(port);
  denied.say('WRITE alice wrong');
  await denied.hears('501 DENIED');
  using writer = await PlainPeer.open(port);
  writer.say('WRITE alice right');
  await writer.hears('500 "f"');
});

test('a name that looks like a path stays a name', async () => {
  await using folder = await TemporaryFolder.create();
  await using relay = await startRelay(join(folder.path, 'store'));
  using alice = await logIn(relay, 'alice');
  const port = await agree(alice, [['alice', alice]], '../../evil', 4);
  using writer = await PlainPeer.open(port);
  writer.say('WRITE alice k');
  await writer.hears('500');
  writer.socket.write('evil');
  await writer.ends();
  expect(await readdir(folder.path)).toEqual(['store']);
  expect(await readdir(join(folder.path, 'store'))).toEqual(['files', 'index']);
});
