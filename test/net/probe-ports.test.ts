import { once } from 'node:events';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { Patience } from '../../lib/lab/grader/patience.ts';
import { ClientProbe } from '../../lib/net/client-probe.ts';
import { FairClock } from '../../lib/net/fair-clock.ts';
import { ProbeTalker } from '../../lib/net/probe-talker.ts';
import { freePorts } from './free-ports.ts';

const HOST = '127.0.0.1';
const FIRST = 20_000;
const END = 32_768;
const OPTIONS = {
  ...({
    framing: 'line',
    hasLineEnds: true,
    name: 'ann',
    other: 'server',
    patience: new Patience(),
  } as const),
  ...{ onStep: () => undefined, clock: new FairClock(() => 0) },
};

describe('the ports of the grader', () => {
  const from: number[] = [];
  let server: Server;
  let port = 0;
  const talkers: (ProbeTalker | undefined)[] = [];

  beforeEach(async () => {
    from.length = 0;
    server = createServer((socket) => {
      from.push(socket.remotePort ?? 0);
      socket.on('error', () => undefined);
    });
    server.listen(0, HOST);
    await once(server, 'listening');
    ({ port } = server.address() as AddressInfo);
  });

  afterEach(async () => {
    for (const talker of talkers.splice(0)) talker?.reset();
    server.close();
    await once(server, 'close');
  });

  test('are not those of the program under test, and none that is taken', async () => {
    // Two are left that it may have.
    const { tcpPort } = await freePorts();
    const left = [FIRST + (tcpPort % 12_000), FIRST + (tcpPort % 12_000) + 1];
    const all = Array.from({ length: END - FIRST }, (_, at) => FIRST + at);
    const avoid = all.filter((one) => !left.includes(one));
    for (let index = 0; index < 3; index += 1) {
      talkers.push(await ProbeTalker.open(HOST, port, avoid, 5000, OPTIONS));
    }
    expect(talkers.map((talker) => talker !== undefined)).toEqual([true, true, false]);
    expect(from.sort()).toEqual(left);
  });

  test('where clients connect are the first that is free', async () => {
    const options = {
      ...{
        files: {},
        prompts: {},
        saved: { read: () => undefined, find: () => undefined, remove: () => undefined },
      },
      patience: new Patience(),
    };
    const { tcpPort } = await freePorts();
    const startClient = (): never => {
      throw new Error('nobody is started here');
    };
    const probe = await ClientProbe.open({ ...options, startClient, ports: [port, tcpPort] });
    expect(probe.port).toBe(tcpPort);
    await probe.close();
    const none = ClientProbe.open({ ...options, startClient, ports: [port] });
    await expect(none).rejects.toMatchObject({ code: 'EADDRINUSE' });
  });
});
