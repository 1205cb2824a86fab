import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { ClientUnderTest } from './client-under-test.ts';
import { loopTurns, until } from './waiting.ts';

/** 20 parts: 0 to 9 go before the pause. */
const FILE = someBytes(20 * 2043);
const HALF = 10;

describe('a download that the client gives up', () => {
  const abandon = ({ driver }: ClientUnderTest): void => driver.abandon({ type: 'stopped' });

  test('in the pause stops the server, and another one can begin', async () => {
    await using server = await startServer({ files: { 'f.bin': FILE, 'g.bin': 'g' } });
    await using client = await ClientUnderTest.open({ port: server.port, onHalf: abandon });
    const { outcome, bytes } = await client.fetch('f.bin');
    expect(outcome).toEqual({ type: 'stopped' });
    expect(bytes?.equals(FILE.subarray(0, HALF * 2043))).toBe(true);
    await until('the answer', () => client.texts.includes('download stopped'));
    expect((await client.fetch('g.bin')).bytes?.toString()).toBe('g');
  });

  test('in the second half is not praised as a whole one', async () => {
    await using server = await startServer({ files: { 'f.bin': FILE, 'g.bin': 'g' } });
    await using client = await ClientUnderTest.open({
      port: server.port,
      wrapSink: (sink) => ({
        write: (seq, datagram, start) => {
          if (seq < HALF) return sink.write(seq, datagram, start);
          abandon(client);
          return false;
        },
      }),
    });
    expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'stopped' });
    client.driver.send({ type: 'get-users' });
    await until('an answer', () => client.texts.includes('users: [ann]'));
    expect(client.texts.filter((text) => text.includes('100%'))).toEqual([]);
  });

  test('before the server has answered does not end up in the next one', async () => {
    const other = someBytes(3 * 2043, 7);
    await using server = await startServer({ files: { 'f.bin': FILE, 'g.bin': other } });
    await using client = await ClientUnderTest.open({ port: server.port });
    const first = client.fetch('f.bin');
    abandon(client);
    expect((await first).outcome).toEqual({ type: 'stopped' });
    const { outcome, bytes } = await client.fetch('g.bin');
    expect(outcome).toEqual({ type: 'complete' });
    expect(bytes?.equals(other)).toBe(true);
  });

  test('before the server has refused it does not fail the next one', async () => {
    await using server = await startServer({ files: { 'f.bin': FILE, 'g.bin': 'g' } });
    await using client = await ClientUnderTest.open({ port: server.port });
    for (const file of ['nowhere', 'f.bin', 'nowhere']) {
      const fetched = client.fetch(file);
      abandon(client);
      expect((await fetched).outcome).toEqual({ type: 'stopped' });
    }
    expect((await client.fetch('f.bin')).bytes?.equals(FILE)).toBe(true);
    expect((await client.fetch('nowhere')).outcome).toMatchObject({ type: 'failed' });
  });

  test('while its place is opened leaves nothing open', async () => {
    await using server = await startServer({ files: { 'f.bin': FILE, 'g.bin': 'g' } });
    let abandoned = false;
    await using client = await ClientUnderTest.open({
      port: server.port,
      beforeSink: async () => {
        await loopTurns();
        if (!abandoned) abandon(client);
        abandoned = true;
      },
    });
    expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'stopped' });
    expect(await client.locks()).toEqual([]);
    await until('the answer', () => client.texts.includes('download stopped'));
    expect((await client.fetch('g.bin')).bytes?.toString()).toBe('g');
    expect(await readFile(join(client.folder, 'f.bin.part'))).toHaveLength(0);
  });
});
