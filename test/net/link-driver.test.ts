import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import { FaultPlan } from '../../lib/lab/faults.ts';
import { linkWays } from '../../lib/lab/link-ways.ts';
import { readScenario } from '../../lib/lab/scenario.ts';
import { SCENARIOS } from '../../lib/lab/scenarios.ts';
import { type Decision, LinkDriver, type LinkOptions } from '../../lib/net/link-driver.ts';
import { ReferenceClient } from '../support/reference-client.ts';
import { type ServerUnderTest, someBytes, startServer } from '../support/server-under-test.ts';
import { type ClientOptions, ClientUnderTest, type Fetched } from './client-under-test.ts';
import { freePorts } from './free-ports.ts';
import { until } from './waiting.ts';

const PARTS = 30;
const BYTES = someBytes(2043 * PARTS - 7);

interface Path extends AsyncDisposable {
  readonly server: ServerUnderTest;
  readonly link: LinkDriver;
  readonly decisions: Decision[];
  readonly events: string[];
}

// Those that take long by nature; and those that cut the first message in pieces, by which a busy server takes
// a line peer for a bare one (PROTOCOL.md, "Framing").
const LONG: ReadonlySet<string> = new Set([
  ...['broken-connection', 'slow-server', 'mobile', 'satellite', 'split-writes'],
]);

/** A server behind a link with these faults, as a scenario has them. */
async function path(
  raw: object,
  more: Partial<LinkOptions> = {},
  files = { 'f.bin': BYTES },
): Promise<Path> {
  const server = await startServer({ files });
  const scenario = readScenario(raw);
  const decisions: Decision[] = [];
  const events: string[] = [];
  const link = await LinkDriver.start({
    ...{ server: { host: '127.0.0.1', port: server.port }, source: 'seed 42' },
    ...{ tcp: scenario.tcp, ways: linkWays(scenario, 42) },
    onDecision: (decision) => decisions.push(decision),
    onEvent: (text) => events.push(text),
    ...more,
  });
  return {
    ...{ server, link, decisions, events },
    [Symbol.asyncDispose]: async () => {
      await link[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

async function fetchThrough(
  link: LinkDriver,
  options: Partial<ClientOptions> = {},
): Promise<Fetched> {
  await using client = await ClientUnderTest.open({ port: link.port, ...options });
  return await client.fetch('f.bin');
}

function expectWhole({ outcome, bytes }: Fetched): void {
  expect(outcome).toEqual({ type: 'complete' });
  expect(bytes?.equals(BYTES)).toBe(true);
}

function dropped(decisions: readonly Decision[]): string[] {
  return decisions.filter(({ fate }) => fate.length === 0).map(({ seq, nth }) => `${seq}.${nth}`);
}

describe('a download through a link', () => {
  test.each(Object.keys(SCENARIOS).filter((name) => !LONG.has(name)))(
    'is whole, whatever the path does: %s',
    async (name) => {
      await using way = await path(SCENARIOS[name] ?? {});
      expectWhole(await fetchThrough(way.link));
    },
  );

  test.each(['line', 'bare'] as const)('of a %s peer loses what the rules say', async (framing) => {
    await using way = await path({ 'to-client': { rules: ['drop every=3 times=1'] } });
    expectWhole(await fetchThrough(way.link, { framing }));
    const third = Array.from({ length: PARTS / 3 }, (_, at) => `${3 * at + 2}.1`);
    expect(dropped(way.decisions).sort()).toEqual(third.sort());
    expect(way.decisions.find(({ seq, nth }) => seq === 2 && nth === 1)?.text).toBe(
      'dropped: seed 42, part 2, sending 1',
    );
    expect(way.decisions.find(({ seq }) => seq === 0)?.text).toBeUndefined();
    // Whoever watches sees what is asked for again.
    const asked = way.events.filter((text) => /asks again for (?:\d+ )*2(?: |$)/.test(text));
    expect(asked.length).toBeGreaterThan(0);
  });

  test('of a peer that is written after the original program has its parts counted, too', async () => {
    await using way = await path({ 'to-client': { rules: ['drop seq=last,4 times=1'] } });
    const client = await ReferenceClient.connect({ port: way.link.port, framing: 'line' });
    client.send('connect|ann');
    await until('the answer', () => client.received.includes('connected'));
    const { data } = await client.download('f.bin', { address: 'ip-port' });
    expect(data.equals(BYTES)).toBe(true);
    expect(dropped(way.decisions).sort()).toEqual([`${PARTS - 1}.1`, '4.1'].sort());
    client.send('disconnect');
    await client.ended;
  });

  test('has the same fate for each sending of each part with the same seed', async () => {
    const faults = { 'to-client': { loss: '20%', burst: '5%/30%', duplicate: '10%' } };
    const runs: Map<string, string | undefined>[] = [];
    for (const tcp of [{}, { delay: 30 }]) {
      await using way = await path({ ...faults, tcp });
      expectWhole(await fetchThrough(way.link));
      runs.push(new Map(way.decisions.map(({ seq, nth, text }) => [`${seq}.${nth}`, text])));
    }
    const [one = new Map(), other = new Map()] = runs;
    const common = [...one.keys()].filter((key) => other.has(key));
    expect(common.length).toBeGreaterThanOrEqual(PARTS);
    for (const key of common) expect(other.get(key)).toBe(one.get(key));
    expect([...one.values()].filter((text) => text?.startsWith('dropped')).length).toBeGreaterThan(
      2,
    );
  });

  test('takes the time that a rate makes of it, and loses what the queue has no place for', async () => {
    await using slow = await path({ 'to-client': { rate: '200K', queue: '1M' } });
    const begin = performance.now();
    expectWhole(await fetchThrough(slow.link));
    expect(performance.now() - begin).toBeGreaterThan((BYTES.length / 200_000) * 1000);
    await using short = await path({ 'to-client': { rate: '200K', queue: 5000 } });
    expectWhole(await fetchThrough(short.link));
    expect(
      short.decisions.filter(({ text }) => text?.startsWith('dropped, the queue is full')).length,
    ).toBeGreaterThan(0);
  });

  test('has one link for two clients, each with fates of its own', async () => {
    await using way = await path({ 'to-client': { rules: ['drop seq=1 times=1'] } });
    const both = await Promise.all(['ann', 'bob'].map((name) => fetchThrough(way.link, { name })));
    for (const one of both) expectWhole(one);
    expect(dropped(way.decisions)).toEqual(['1.1', '1.1']);
  });

  test('comes again through a port of its own', async () => {
    await using way = await path({ 'to-client': { rules: ['drop seq=1 times=1'] } });
    await using client = await ClientUnderTest.open({ port: way.link.port });
    expectWhole(await client.fetch('f.bin'));
    expectWhole(await client.fetch('f.bin'));
    expect(dropped(way.decisions)).toEqual(['1.1', '1.1']);
  });

  test('over IPv6', async (ctx) => {
    const all = Object.values(networkInterfaces()).flatMap((list) => list ?? []);
    if (!all.some(({ address }) => address === '::1')) ctx.skip('needs IPv6');
    await using server = await startServer({ files: { 'f.bin': BYTES }, everywhere: true });
    const plan = new FaultPlan({ loss: 0.2 }, 3);
    await using link = await LinkDriver.start({
      listen: { host: '::1', port: 0 },
      server: { host: '::1', port: server.port },
      ways: { client: { fateOf: (seq, nth) => plan.fateOf(seq, nth) } },
    });
    const client = await ReferenceClient.connect({ host: '::1', port: link.port, framing: 'line' });
    client.send('connect|ann');
    await until('the answer', () => client.received.includes('connected'));
    expect((await client.download('f.bin')).data.equals(BYTES)).toBe(true);
    client.send('disconnect');
    await client.ended;
  });
});

describe('a connection through a link', () => {
  test.each([
    ['when a part comes', { 'break-at': 'part 5' }],
    ['after so many bytes', { 'break-at': '60 bytes' }],
    ['after a time', { 'break-at': '200ms' }],
  ])('breaks %s, on both sides', async (_, tcp) => {
    await using way = await path({ tcp });
    // Who is asked at 50 % thinks for long.
    await using client = await ClientUnderTest.open({
      port: way.link.port,
      name: '',
      onHalf: () => undefined,
    });
    // On a busy machine it may break before.
    await client.driver.connect('ann');
    const { outcome } = await client.fetch('f.bin');
    expect(outcome.type).toBe('failed');
    await until('the end', () => client.closings.length > 0);
    await until('the word of it', () => way.events.some((text) => text.includes('cut off')));
    await until('the server to notice', () =>
      way.server.events.some(({ text }) => /^TCP (closed|broken)/.test(text)),
    );
  });

  test('ends when either side ends it', async () => {
    await using way = await path({});
    const client = await ReferenceClient.connect({ port: way.link.port, framing: 'line' });
    client.send('connect|ann');
    await until('the answer', () => client.received.includes('connected'));
    client.send('disconnect');
    await client.ended;
    expect(client.received.at(-1)).toBe('disconnected');
    await until('its end', () => way.events.includes('client 1 is gone'));
  });

  test('is refused when there is no server', async () => {
    const { tcpPort: port } = await freePorts();
    const events: string[] = [];
    await using link = await LinkDriver.start({
      server: { host: '127.0.0.1', port },
      onEvent: (text) => events.push(text),
    });
    const client = await ReferenceClient.connect({ port: link.port, framing: 'line' });
    await client.ended.catch(() => undefined);
    expect(events.join()).toMatch(/cannot be connected with the server: .*ECONNREFUSED/);
  });

  test('has its writes cut in pieces, with a gap between them', async () => {
    let heard = '';
    const server = createServer((socket) => {
      socket.on('data', (chunk) => {
        heard += chunk.toString();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await using link = await LinkDriver.start({
      server: { host: '127.0.0.1', port },
      tcp: { split: 3, gap: millis(30) },
    });
    const client = createConnection(link.port, '127.0.0.1');
    const begin = performance.now();
    client.write('abcdefgh');
    await until('all of it', () => heard.length === 8);
    expect(heard).toBe('abcdefgh');
    // Two gaps; a busy machine makes them longer, never shorter.
    expect(performance.now() - begin).toBeGreaterThanOrEqual(60);
    client.destroy();
    server.close();
  });

  test('is delayed as the faults say, and loses nothing', async () => {
    await using way = await path({ tcp: { delay: 40, split: 9, gap: 0 } });
    const client = await ReferenceClient.connect({ port: way.link.port, framing: 'line' });
    const begin = performance.now();
    client.send('get_list_file');
    await until('the answer', () => client.received.includes('files: [f.bin]'));
    expect(performance.now() - begin).toBeGreaterThan(80);
    client.send('disconnect');
    await client.ended;
  });

  test('that a client breaks reaches the server behind what it has said', async () => {
    const heard: string[] = [];
    const server = createServer((socket) => {
      socket.on('data', (chunk) => heard.push(chunk.toString()));
      socket.on('error', () => heard.push('reset'));
      socket.write('welcome');
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    await using link = await LinkDriver.start({
      server: { host: '127.0.0.1', port },
      // Long, so that the words are on their way when the reset comes.
      tcp: { delay: millis(600) },
    });
    const client = createConnection(link.port, '127.0.0.1');
    await once(client, 'data');
    client.write('first words\n');
    await until('them', () => heard.length > 0);
    client.write('last words\n');
    setTimeout(() => client.resetAndDestroy(), 300);
    await until('the reset', () => heard.includes('reset'));
    expect(heard).toEqual(['first words\n', 'last words\n', 'reset']);
    server.close();
  });

  test('cannot begin where the port is taken', async () => {
    await using way = await path({});
    await expect(
      LinkDriver.start({
        listen: { host: '127.0.0.1', port: way.link.port },
        server: { host: '127.0.0.1', port: 1 },
      }),
    ).rejects.toThrow('EADDRINUSE');
  });
});
