import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { USUAL_CLIENT_READINGS } from '../../lib/lab/grader/client-readings.ts';
import { Patience } from '../../lib/lab/grader/patience.ts';
import { FairClock } from '../../lib/net/fair-clock.ts';
import { ProbeServing } from '../../lib/net/probe-serving.ts';
import { ProbeTalker } from '../../lib/net/probe-talker.ts';
import { SEGMENT_PAYLOAD } from '../../lib/udp-reliable/segment.ts';

const COUNT = 40;
const HALF = 20;
const SECOND_HALF = Array.from({ length: COUNT - HALF }, (_, at) => at + HALF);

/** A client without line ends whose words reach a busy grader as one. */
async function download(client: Socket, server: Socket) {
  const udp = createSocket('udp4');
  const parts = new Set<number>();
  udp.on('message', (datagram) => {
    const before = parts.size;
    parts.add(datagram.readUInt32BE());
    if (parts.size === before) return;
    if (parts.size === HALF) client.write(`proceed${SECOND_HALF.join(' ')}`);
    if (parts.size === COUNT) client.write('stop');
  });
  udp.bind(0, '127.0.0.1');
  await once(udp, 'listening');
  const clock = new FairClock(() => 0);
  const patience = new Patience();
  const onStep = (): void => undefined;
  const names = { name: 'the server', other: 'client' };
  const talker = new ProbeTalker({ framing: 'bare', ...names, patience, clock, onStep }, server);
  // All that is missing, as nothing has come.
  const first = Array.from({ length: HALF }, (_, at) => at).join(' ');
  client.once('data', () => client.write(`${udp.address().port}${first}`));
  try {
    return await ProbeServing.run({
      ...{ talker, clock, patience, onStep, readings: USUAL_CLIENT_READINGS },
      ...{ file: 'usual.txt', bytes: Buffer.alloc(COUNT * SEGMENT_PAYLOAD), plan: {} },
      source: 'seed 1',
      user: { name: 'ann', isAsked: async () => true, types: async () => undefined },
    });
  } finally {
    udp.close();
    talker.reset();
  }
}

test('what a client without line ends says is told apart, and its questions are judged by what they are about', async () => {
  const listener = createServer();
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const client = createConnection((listener.address() as AddressInfo).port, '127.0.0.1');
  try {
    const [server] = (await once(listener, 'connection')) as [Socket];
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
  } finally {
    client.destroy();
    listener.close();
  }
});
