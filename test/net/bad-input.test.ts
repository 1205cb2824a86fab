import { once } from 'node:events';
import { expect, test } from 'vitest';
import { seededRandom } from '../../lib/core/random.ts';
import { type ServerUnderTest, someBytes, startServer } from '../support/server-under-test.ts';
import { Ear, RawPeer } from './raw-peer.ts';
import { resourcesNow, untilReleased } from './resources.ts';
import { until } from './waiting.ts';

const SEED = 55_015;
const INPUTS = 10_000;
/** Inputs on one connection. */
const BATCH = 25;
const AT_A_TIME = 12;

/** What goes before an input to bring the server into the state that it is meant for. */
const STATES: Record<string, (port: number) => string> = {
  'before connect': () => '',
  online: () => '',
  'awaiting an address': () => 'download|f.bin\n',
  transferring: (port) => `download|f.bin\n${port}\n`,
};

const GOOD = [
  'connect|name',
  'disconnect',
  'get_users',
  'get_list_file',
  'msg_all|hello',
  'msg|hello|user1',
  'download|f.bin',
  'download|../f.bin',
  '127.0.0.1|40000',
  '0 1 2 3 4 5',
  'proceed',
  'stop',
  'User x downloaded 100% out of file. Last byte is: 3',
];
const BITS = ['|', ' ', '\n', '\r\n', '\0', '\x1b[2J', '\u2028', '🙂', '-1', '4294967296', '%s'];

type Random = () => number;

function pick<Item>(random: Random, items: readonly Item[], otherwise: Item): Item {
  return items[Math.floor(random() * items.length)] ?? otherwise;
}

/** A good message with a change or several, or bytes that are no message at all. */
function makeInput(random: Random): Buffer {
  const kind = random();
  if (kind < 0.25) return randomBytes(random, Math.floor(random() * 64));
  if (kind < 0.26) return randomBytes(random, Math.floor(random() * 70_000));
  let bytes: Buffer = Buffer.from(pick(random, GOOD, ''));
  for (let changes = Math.floor(random() * 4); changes > 0; changes -= 1) {
    bytes = mutate(random, bytes);
  }
  return bytes;
}

function randomBytes(random: Random, length: number): Buffer {
  return someBytes(length, Math.floor(random() * 2 ** 32));
}

function mutate(random: Random, bytes: Buffer): Buffer {
  const at = Math.floor(random() * (bytes.length + 1));
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  const kind = random();
  if (kind < 0.3) return Buffer.concat([head, Buffer.from(pick(random, BITS, '')), tail]);
  if (kind < 0.5) return Buffer.concat([head, tail.subarray(1)]);
  if (kind < 0.7) return Buffer.concat([head, Buffer.of(random() * 256), tail.subarray(1)]);
  if (kind < 0.8) return Buffer.concat([head, head, tail]);
  if (kind < 0.85) return Buffer.concat([head, Buffer.alloc(random() * 300, 0x39), tail]);
  return head;
}

interface Batch {
  readonly seed: number;
  readonly state: string;
}

/** Hands a batch of inputs to the server; returns when each has been dealt with. */
async function runBatch(server: ServerUnderTest, { seed, state }: Batch): Promise<void> {
  const random = seededRandom(seed);
  using ear = await Ear.open();
  const begin = STATES[state]?.(ear.port) ?? '';
  let peer: RawPeer | undefined;
  for (let index = 0; index < BATCH; index += 1) {
    const input = makeInput(random);
    if (peer === undefined || peer.ended || state === 'before connect') {
      peer?.destroy();
      peer = await RawPeer.open(server.port);
      if (state !== 'before connect') await peer.write(`connect|user${seed}\n`);
    }
    await deal(peer, Buffer.concat([Buffer.from(begin), input]), state, `${seed}-${index}`);
  }
  if (random() < 0.5) peer?.socket.resetAndDestroy();
  else peer?.destroy();
}

/** Sends an input, and waits for the answer to what follows it, or for the end. */
async function deal(peer: RawPeer, input: Buffer, state: string, nonce: string): Promise<void> {
  // Without a name, it answers to nothing that has the nonce in it.
  const after =
    state === 'before connect' ? '\ndisconnect\n' : `\nconnect|${nonce}\nmsg||${nonce}\n`;
  peer.reads.length = 0;
  await peer.write(Buffer.concat([input, Buffer.from(after)]));
  await until(`an answer after ${JSON.stringify(input.toString('latin1').slice(0, 200))}`, () => {
    return peer.ended || peer.text.includes(nonce);
  });
}

async function expectAlive(server: ServerUnderTest): Promise<void> {
  using peer = await RawPeer.open(server.port);
  await until('an empty list of users', async () => {
    peer.reads.length = 0;
    await peer.write('get_users\n');
    await until('an answer', () => peer.lines.length > 0);
    return peer.lines[0] === 'users: []';
  });
  await peer.write('connect|last\ndownload|f.bin\n');
  await peer.untilLine('|10');
}

test(`${INPUTS} random and spoilt inputs leave the server as it was (seed ${SEED})`, async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(20_000) } });
  const before = await resourcesNow();
  const batches: Batch[] = [];
  for (let index = 0; index < INPUTS / BATCH; index += 1) {
    const states = Object.keys(STATES);
    batches.push({ seed: SEED + index, state: states[index % states.length] ?? '' });
  }
  while (batches.length > 0) {
    const some = batches.splice(0, AT_A_TIME);
    await Promise.all(
      some.map((batch) =>
        runBatch(server, batch).catch((error: unknown) => {
          throw new Error(`${batch.state}, seed ${batch.seed}`, { cause: error });
        }),
      ),
    );
    // A fault of the server's own is logged as an error; what peers do wrong is not.
    const faults = server.events.filter((event) => event.level === 'error');
    expect(faults.map((event) => `${event.text} (${JSON.stringify(some)})`)).toEqual([]);
  }
  await expectAlive(server);
  await untilReleased(before);
});

test(`random bytes with no line end, from bare peers, do no harm (seed ${SEED})`, async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(20_000) } });
  const before = await resourcesNow();
  const one = async (seed: number): Promise<void> => {
    const random = seededRandom(seed);
    using peer = await RawPeer.open(server.port);
    for (const text of [`connect|x${seed}`, 'download|f.bin', '']) {
      const { length } = peer.reads;
      const noise = randomBytes(random, 1 + Math.floor(random() * 2000));
      await peer.write(text === '' ? noise.map((byte) => (byte === 10 ? 11 : byte)) : text);
      await until(`an answer (seed ${seed})`, () => peer.reads.length > length || peer.ended);
    }
    peer.socket.end();
    if (!peer.ended) await once(peer.socket, 'end');
  };
  for (let first = 0; first < 24; first += AT_A_TIME) {
    await Promise.all(Array.from({ length: AT_A_TIME }, (_, index) => one(SEED + first + index)));
  }
  expect(server.events.filter((event) => event.level === 'error')).toEqual([]);
  await expectAlive(server);
  await untilReleased(before);
});
