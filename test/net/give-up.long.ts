/** The limits of 30 seconds, on real clocks; all at once, as each is nothing but waiting. */
import { describe, expect, test } from 'vitest';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { ClientUnderTest } from './client-under-test.ts';
import { Ear, RawPeer } from './raw-peer.ts';
import { startReference } from './reference.ts';
import { until } from './waiting.ts';

/** 20 parts: 0 to 9 go before the pause. */
const FILES = { 'f.bin': someBytes(20 * 2043) };
const LIMIT_MS = 30_000;
const WAIT_MS = 60_000;
const TIMED_OUT = "Can't download. Nothing heard for 30 seconds";

async function timeOf(action: () => Promise<unknown>): Promise<number> {
  const start = performance.now();
  await action();
  return performance.now() - start;
}

describe('after 30 seconds of nothing', { concurrent: true }, () => {
  const refusal = (peer: RawPeer): Promise<void> => {
    return until('the refusal', () => peer.lines.includes(TIMED_OUT), WAIT_MS);
  };

  test('the server gives up a download for which no port comes', async () => {
    await using server = await startServer({ files: FILES });
    using peer = await RawPeer.open(server.port);
    await peer.write('connect|ann\ndownload|f.bin\n');
    await peer.untilLine('|20');
    expect(await timeOf(() => refusal(peer))).toBeGreaterThan(LIMIT_MS - 1000);
    await peer.write('download|f.bin\n');
    await until('another one', () => peer.lines.at(-1) === '|20');
  });

  test('the server gives up a download of which all is sent and nothing is heard', async () => {
    await using server = await startServer({ files: FILES });
    using peer = await RawPeer.open(server.port);
    using ear = await Ear.open();
    await peer.write('connect|ann\ndownload|f.bin\n');
    await peer.untilLine('|20');
    await peer.write(`${ear.port}\nproceed\n`);
    await ear.untilAllBelow(20);
    expect(await timeOf(() => refusal(peer))).toBeGreaterThan(LIMIT_MS - 1000);
    await peer.write('get_users\n');
    await peer.untilLine('users: [ann]');
  });

  test('the server does not give up in the pause, however long it is', async () => {
    await using other = await startServer({ files: FILES });
    await using server = await startServer({ files: FILES });
    using clock = await RawPeer.open(other.port);
    using peer = await RawPeer.open(server.port);
    using ear = await Ear.open();
    await peer.write('connect|ann\ndownload|f.bin\n');
    await peer.untilLine('|20');
    await peer.write(`${ear.port}\n`);
    await ear.untilAllBelow(10);
    await clock.write('connect|ann\ndownload|f.bin\n');
    await refusal(clock);
    await peer.write('proceed\n');
    await ear.untilAllBelow(20);
    expect(peer.text).not.toContain("Can't");
  });

  test('the client gives up a request that is not answered', async () => {
    await using server = await startReference({
      files: FILES,
      hooks: { message: (text) => text.startsWith('download|') },
    });
    await using client = await ClientUnderTest.open({ port: server.port });
    const { outcome } = await client.fetch('f.bin');
    expect(outcome).toMatchObject({ type: 'failed', reason: /30 seconds/ });
    expect(client.closings).toEqual([]);
  });

  test('the client does not wait for a last word for that long', async () => {
    await using server = await startReference({
      files: FILES,
      hooks: { message: (text) => text === 'stop' },
    });
    await using client = await ClientUnderTest.open({ port: server.port });
    let outcome: unknown;
    const time = await timeOf(async () => {
      outcome = (await client.fetch('f.bin')).outcome;
    });
    expect(outcome).toEqual({ type: 'complete' });
    expect(time).toBeLessThan(LIMIT_MS / 2);
  });

  test('the client gives up a download of which nothing comes, and says so', async () => {
    await using server = await startReference({ files: FILES, drop: () => true });
    await using client = await ClientUnderTest.open({ port: server.port });
    const { outcome } = await client.fetch('f.bin');
    expect(outcome).toMatchObject({ type: 'failed', reason: /30 seconds/ });
    await until('the stop', () => server.received.at(-1) === 'stop');
    expect(await client.locks()).toEqual([]);
  });
});
