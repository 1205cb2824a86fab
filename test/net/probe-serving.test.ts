import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import type { FateOf } from '../../lib/lab/faults.ts';
import type { ServingPlan } from '../../lib/lab/grader/client-bench.ts';
import { USUAL_CLIENT_READINGS } from '../../lib/lab/grader/client-readings.ts';
import { Patience } from '../../lib/lab/grader/patience.ts';
import type { Stage } from '../../lib/lab/grader/stages.ts';
import { FairClock } from '../../lib/net/fair-clock.ts';
import { ProbeServing, type Served } from '../../lib/net/probe-serving.ts';
import { ProbeTalker } from '../../lib/net/probe-talker.ts';
import { SEGMENT_PAYLOAD } from '../../lib/udp-reliable/segment.ts';

const COUNT = 40;
const HALF = 20;
const SECOND_HALF = Array.from({ length: COUNT - HALF }, (_, at) => at + HALF);

interface Circumstances {
  readonly patience?: Patience;
  /** Whether the terminal shows a question. */
  readonly isAsked?: boolean;
  /** How far the client has come before. */
  readonly reaches?: Stage;
}

/** Serves a client that has asked for a file of so many parts. */
async function serve(
  server: Socket,
  count: number,
  plan: ServingPlan,
  { patience = new Patience(), isAsked = true, reaches = 'download-whole' }: Circumstances = {},
): Promise<Served> {
  const clock = new FairClock(() => 0);
  const onStep = (): void => undefined;
  const names = { name: 'the server', other: 'client' };
  const talker = new ProbeTalker(
    { framing: 'bare', hasLineEnds: false, ...names, patience, clock, onStep },
    server,
  );
  try {
    return await ProbeServing.run({
      ...{ talker, clock, patience, onStep, plan },
      readings: { ...USUAL_CLIENT_READINGS, reaches },
      ...{ file: 'usual.txt', bytes: Buffer.alloc(count * SEGMENT_PAYLOAD), source: 'seed 1' },
      user: {
        name: 'ann',
        isAsked: async () => isAsked,
        isAskedAgain: () => false,
        types: async () => undefined,
      },
    });
  } finally {
    talker.reset();
  }
}

/** Both ends of a connection. */
async function connected(use: (client: Socket, server: Socket) => Promise<void>): Promise<void> {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = createConnection((listener.address() as AddressInfo).port, '127.0.0.1');
  try {
    const [server] = (await once(listener, 'connection')) as [Socket];
    await use(client, server);
  } finally {
    client.destroy();
    listener.close();
  }
}

/** Where a client takes its parts. */
async function listeningUdp(): Promise<UdpSocket> {
  const udp = createSocket('udp4').bind(0, '127.0.0.1');
  await once(udp, 'listening');
  return udp;
}

/** A client without line ends whose words reach a busy grader as one. */
async function download(client: Socket, server: Socket): Promise<Served> {
  const udp = await listeningUdp();
  const parts = new Set<number>();
  udp.on('message', (datagram) => {
    const before = parts.size;
    parts.add(datagram.readUInt32BE());
    if (parts.size === before) return;
    if (parts.size === HALF) client.write(`proceed${SECOND_HALF.join(' ')}`);
    if (parts.size === COUNT) client.write('stop');
  });
  // All that is missing, as nothing has come.
  const first = Array.from({ length: HALF }, (_, at) => at).join(' ');
  client.once('data', () => client.write(`${udp.address().port}${first}`));
  try {
    return await serve(server, COUNT, {});
  } finally {
    udp.close();
  }
}

test('what a client without line ends says is told apart, and its questions are judged by what they are about', async () => {
  await connected(async (client, server) => {
    const seen = await download(client, server);
    expect(seen.port).toBeDefined();
    expect(seen.answer).toBe('proceed');
    expect(seen.delivered).toBe(true);
    expect(seen.stopped).toBe(true);
    expect(seen.others).toEqual([]);
    expect(seen.reRequests.map(({ seqs }) => seqs)).toEqual([SECOND_HALF]);
    // It could not know of them.
    expect(seen.reRequests[0]?.missing).toEqual(expect.arrayContaining(SECOND_HALF));
    expect(seen.reRequests[0]?.inPause).toBe(false);
  });
});

test('a client whose timer has grown long is waited for, however often it has said nothing before', async () => {
  const patience = new Patience();
  for (let times = 0; times < 3; times += 1) patience.silent();
  await connected(async (client, server) => {
    const udp = await listeningUdp();
    udp.once('message', () => client.write('stop'));
    client.once('data', async () => {
      client.write(`${udp.address().port}`);
      for (const wait of [1800, 2300]) {
        await delay(wait);
        client.write('0');
      }
    });
    const fateOf: FateOf = (_, nth) => (nth <= 2 ? [] : [{ delay: millis(0) }]);
    try {
      const seen = await serve(server, 1, { fateOf }, { patience });
      expect(seen.reRequests).toHaveLength(2);
      expect(seen.delivered).toBe(true);
      expect(seen.stopped).toBe(true);
    } finally {
      udp.close();
    }
  });
});

test('the stop that a client has glued to its port, of an empty file, is heard', async () => {
  await connected(async (client, server) => {
    client.once('data', () => client.write('40001stop'));
    const seen = await serve(server, 0, {});
    expect(seen).toMatchObject({ port: 40_001, stopped: true, delivered: true, others: [] });
  });
});

test('a client that asks for the same again and again, though it was sent each time, is given up on', async () => {
  await connected(async (client, server) => {
    const udp = await listeningUdp();
    udp.on('message', async (datagram) => {
      const seq = datagram.readUInt32BE();
      if (seq !== HALF - 1 && seq !== 3) return;
      await delay(150);
      client.write('3');
    });
    client.once('data', () => client.write(`${udp.address().port}`));
    const fateOf: FateOf = (seq, nth) => (seq === 3 && nth === 1 ? [] : [{ delay: millis(0) }]);
    try {
      const seen = await serve(server, COUNT, { fateOf }, { isAsked: false });
      // The first one is for what is missing.
      expect(seen.reRequests).toHaveLength(1 + 4);
      expect(seen.delivered).toBe(false);
      expect(seen.isFruitless).toBe(true);
    } finally {
      udp.close();
    }
  });
});

test('the timer of a client that nothing reaches runs from when it told its port, however late parts are sent', async () => {
  await connected(async (client, server) => {
    const udp = await listeningUdp();
    client.once('data', async () => {
      client.write(`${udp.address().port}`);
      await delay(100);
      client.write(Array.from({ length: HALF }, (_, at) => at).join(' '));
    });
    const fateOf: FateOf = () => [{ delay: millis(60), cutAt: { byte: 1 } }];
    try {
      const seen = await serve(server, COUNT, { fateOf }, { reaches: 'download-begun' });
      expect(seen.reRequests[0]?.after).toBeGreaterThan(95);
    } finally {
      udp.close();
    }
  });
});
