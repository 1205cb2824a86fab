import { appendFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ReferenceServerHooks } from '../support/reference-server.ts';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { type ClientOptions, ClientUnderTest } from './client-under-test.ts';
import { type Reference, startReference } from './reference.ts';
import { until } from './waiting.ts';

/** 20 parts: 0 to 9 go before the pause. */
const FILE = someBytes(20 * 2043);
const HALF = 10;

interface Stage {
  readonly hooks?: (kill: () => void) => ReferenceServerHooks;
  readonly client?: (kill: () => Promise<void>) => Partial<ClientOptions>;
  /** How many parts are kept; none when the file was not even opened. */
  readonly kept?: number;
}

/** The moments at which the server is killed. */
const STAGES: Record<string, Stage> = {
  'before it says the number of parts': {
    hooks: (kill) => ({
      message: (text) => {
        if (!text.startsWith('download|')) return false;
        kill();
        return true;
      },
    }),
  },
  'right after the number of parts': {
    hooks: (kill) => ({
      message: (text, peer) => {
        if (!text.startsWith('download|')) return false;
        peer.sendBytes(Buffer.from('|20\n'));
        kill();
        return true;
      },
    }),
    kept: 0,
  },
  'between the number of parts and the port': {
    client: (kill) => ({ beforeSink: kill }),
    kept: 0,
  },
  'when it has the port': {
    hooks: (kill) => ({
      message: (text) => {
        if (!/^\d+$/.test(text)) return false;
        kill();
        return true;
      },
    }),
    kept: 0,
  },
  'in the first half': {
    hooks: (kill) => ({
      datagram: (datagram, seq) => {
        if (seq === HALF - 1) kill();
        return seq === HALF - 1 ? [] : [datagram];
      },
    }),
  },
  'in the pause': { client: (kill) => ({ onHalf: kill }), kept: HALF },
  'in the second half': {
    hooks: (kill) => ({
      datagram: (datagram, seq) => {
        if (seq === HALF + 5) kill();
        return seq >= HALF + 5 ? [] : [datagram];
      },
    }),
  },
};

describe('a server that is killed', () => {
  test.each(Object.entries(STAGES))('%s fails the download', async (_name, stage) => {
    let server: Reference | undefined;
    const kill = async (): Promise<void> => server?.close();
    server = await startReference({
      files: { 'f.bin': FILE },
      ...(stage.hooks && { hooks: stage.hooks(() => void kill()) }),
    });
    await using _ = server;
    await using client = await ClientUnderTest.open({
      port: server.port,
      ...stage.client?.(kill),
    });
    const { outcome, bytes } = await client.fetch('f.bin');
    expect(outcome).toEqual({ type: 'failed', reason: 'the connection to the server ended' });
    await until('the call of onClosed', () => client.closings.length === 1);
    expect(await client.locks()).toEqual([]);
    expect(client.driver.downloading).toBe(false);
    if (stage.kept !== undefined) expect(bytes?.length).toBe(stage.kept * 2043);
    // Whatever was kept is in its place.
    if (bytes !== undefined) expect(FILE.subarray(0, bytes.length).equals(bytes)).toBe(true);
  });

  test('when all has come does not fail the download any more', async () => {
    let server: Reference | undefined;
    server = await startReference({
      files: { 'f.bin': FILE },
      hooks: {
        message: (text) => {
          if (text === 'stop') void server?.close();
          return text === 'stop';
        },
      },
    });
    await using _ = server;
    await using client = await ClientUnderTest.open({ port: server.port });
    const { outcome, bytes } = await client.fetch('f.bin');
    expect(outcome).toEqual({ type: 'complete' });
    expect(bytes?.equals(FILE)).toBe(true);
  });

  test('while it is asked for a name refuses the name', async () => {
    let server: Reference | undefined;
    server = await startReference({
      hooks: {
        message: () => {
          void server?.close();
          return true;
        },
      },
    });
    await using _ = server;
    await using client = await ClientUnderTest.open({ port: server.port, name: '' });
    expect(await client.driver.connect('ann')).toBe(false);
    await until('the call of onClosed', () => client.closings.length === 1);
  });
});

describe('once the connection has ended', () => {
  test('a download fails at once', async () => {
    await using server = await startReference({ files: { 'f.bin': FILE } });
    await using client = await ClientUnderTest.open({ port: server.port });
    await server.close();
    await until('the call of onClosed', () => client.closings.length === 1);
    expect((await client.fetch('f.bin')).outcome).toMatchObject({ type: 'failed' });
  });

  test('a name is refused at once', async () => {
    await using server = await startReference({});
    await using client = await ClientUnderTest.open({ port: server.port, name: '' });
    await server.close();
    await until('the call of onClosed', () => client.closings.length === 1);
    expect(await client.driver.connect('ann')).toBe(false);
  });
});

describe('a refusal of the server fails the download with its words', () => {
  test('when there is no such file, and another one can be had', async () => {
    await using server = await startReference({ files: { 'f.bin': FILE } });
    await using client = await ClientUnderTest.open({ port: server.port });
    const { outcome } = await client.fetch('nowhere');
    expect(outcome).toEqual({ type: 'failed', reason: "Can't download. File not found" });
    expect((await client.fetch('f.bin')).bytes?.equals(FILE)).toBe(true);
  });

  test('when the client is not online', async () => {
    await using server = await startReference({ files: { 'f.bin': FILE } });
    await using client = await ClientUnderTest.open({ port: server.port, name: '' });
    expect((await client.fetch('f.bin')).outcome).toEqual({
      type: 'failed',
      reason: "Can't download. Need to log in first",
    });
  });

  test("also in another server's wording", async () => {
    await using server = await startReference({
      hooks: {
        message: (text, peer) => {
          if (!text.startsWith('download|')) return false;
          peer.send("can't download: no such thing");
          return true;
        },
      },
    });
    await using client = await ClientUnderTest.open({ port: server.port });
    expect((await client.fetch('f.bin')).outcome).toEqual({
      type: 'failed',
      reason: "can't download: no such thing",
    });
  });

  test.each(["Can't download. File changed", "Can't download. Nothing heard for 30 seconds"])(
    'in the middle: %s',
    async (text) => {
      await using server = await startReference({
        files: { 'f.bin': FILE },
        hooks: {
          message: (message, peer) => {
            if (message !== 'proceed') return false;
            peer.send(text);
            peer.download?.end();
            return true;
          },
        },
      });
      await using client = await ClientUnderTest.open({ port: server.port });
      const { outcome, bytes } = await client.fetch('f.bin');
      expect(outcome).toEqual({ type: 'failed', reason: text });
      expect(bytes?.equals(FILE.subarray(0, HALF * 2043))).toBe(true);
      expect(client.texts.at(-1)).toBe(text);
      expect(client.closings).toEqual([]);
    },
  );

  test('at the last word, since the file changed meanwhile', async () => {
    await using server = await startServer({ files: { 'f.bin': FILE } });
    await using client = await ClientUnderTest.open({
      port: server.port,
      onHalf: async ({ driver }) => {
        await appendFile(join(server.folder, 'f.bin'), 'more');
        driver.answer('proceed');
      },
    });
    const { outcome, bytes } = await client.fetch('f.bin');
    expect(outcome).toEqual({ type: 'failed', reason: "Can't download. File changed" });
    // All has come; but nobody can tell of which of the two files.
    expect(bytes?.length).toBe(FILE.length);
    expect(await readdir(client.folder)).toEqual(['f.bin.part']);
  });

  test("what another user says cannot end a download, even in the server's words", async () => {
    await using server = await startReference({ files: { 'f.bin': FILE } });
    await using bob = await ClientUnderTest.open({ port: server.port, name: 'bob' });
    await using ann = await ClientUnderTest.open({
      port: server.port,
      onHalf: async (client) => {
        for (const data of ['download stopped', "Can't download. File changed", '|7']) {
          bob.driver.send({ type: 'msg', data, target: 'ann' });
        }
        await until('the messages', () => client.texts.includes('bob: |7'));
        client.driver.answer('proceed');
      },
    });
    expect((await ann.fetch('f.bin')).bytes?.equals(FILE)).toBe(true);
  });
});
