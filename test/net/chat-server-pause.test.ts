import { expect, test } from 'vitest';
import { type ServerUnderTest, someBytes, startServer } from '../support/server-under-test.ts';
import { Ear, OTHER_ADDRESS, RawPeer } from './raw-peer.ts';
import { until } from './waiting.ts';

/** 20 parts: 0 to 9 go before the pause. */
const FILE = someBytes(20 * 2043);
const COUNT = 20;
const HALF = 10;

interface Transfer extends Disposable {
  readonly peer: RawPeer;
  readonly ear: Ear;
}

/** A line peer that has asked for a file and told its port; `then` follows the port at once. */
async function begin(server: ServerUnderTest, file = 'f.bin', then = ''): Promise<Transfer> {
  const peer = await RawPeer.open(server.port);
  const ear = await Ear.open();
  await peer.write(`connect|ann\ndownload|${file}\n`);
  await until('the number of parts', () => peer.lines.some((line) => line.startsWith('|')));
  await peer.write(`${ear.port}\n${then}`);
  const end = (): void => {
    peer[Symbol.dispose]();
    ear[Symbol.dispose]();
  };
  return { peer, ear, [Symbol.dispose]: end };
}

/** Has part 0 sent again: what was asked of the server before that has been obeyed by then. */
async function untilObeyed({ peer, ear }: Transfer): Promise<void> {
  const before = ear.timesOf(0);
  await peer.write('0\n');
  await until('part 0', () => ear.timesOf(0) > before);
}

function expectNothingOfTheSecondHalf({ ear }: Transfer): void {
  expect(ear.seqs.filter((seq) => seq >= HALF)).toEqual([]);
}

test('the server holds after the first half until it hears proceed', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { peer, ear } = transfer;
  await ear.untilAllBelow(HALF);
  await untilObeyed(transfer);
  await peer.write('get_users\n');
  await peer.untilLine('users: [ann]');
  await untilObeyed(transfer);
  expectNothingOfTheSecondHalf(transfer);
  await peer.write('proceed\n');
  await ear.untilAllBelow(COUNT);
  await peer.write('stop\n');
  await peer.untilLine(
    `User ann downloaded 100% out of file. Last byte is: ${FILE.at(-1) ?? 'none'}`,
  );
});

test('an odd number of parts is cut in half rounded down', async () => {
  await using server = await startServer({ files: { 'f.bin': someBytes(2 * 2043 + 5) } });
  using transfer = await begin(server);
  await transfer.ear.untilAllBelow(1);
  await untilObeyed(transfer);
  await untilObeyed(transfer);
  expect(new Set(transfer.ear.seqs)).toEqual(new Set([0]));
});

test.each([1, 2043])('a file of %i bytes, one part, has no pause', async (size) => {
  await using server = await startServer({ files: { 'f.bin': someBytes(size) } });
  using transfer = await begin(server);
  await transfer.ear.untilAllBelow(1);
  await transfer.peer.write('stop\n');
  await until('praise', () => transfer.peer.text.includes('downloaded 100%'));
});

test('in the pause, numbers of the second half are ignored and those of the first answered', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { peer, ear } = transfer;
  await ear.untilAllBelow(HALF);
  await peer.write(`${HALF} 3 ${COUNT - 1}\n${HALF + 1}\n`);
  await until('part 3 again', () => ear.timesOf(3) === 2);
  await untilObeyed(transfer);
  await untilObeyed(transfer);
  expectNothingOfTheSecondHalf(transfer);
  await peer.write('proceed\n');
  await ear.untilAllBelow(COUNT);
  // What was asked for too early is not sent twice now.
  await untilObeyed(transfer);
  for (let seq = HALF; seq < COUNT; seq += 1) expect(ear.timesOf(seq)).toBe(1);
});

test('numbers out of range and words that are no numbers are ignored and logged', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { peer, ear } = transfer;
  await ear.untilAllBelow(HALF);
  await peer.write(`4 ${COUNT} 4294967296 99999999999999 -1 1.5 five 0x1 2e0 6\n`);
  await until('parts 4 and 6 again', () => ear.timesOf(4) === 2 && ear.timesOf(6) === 2);
  await untilObeyed(transfer);
  expect(ear.seqs.filter((seq) => ![0, 4, 6].includes(seq))).toHaveLength(HALF - 3);
  expect(server.events.some((event) => /ignored/.test(event.text))).toBe(true);
});

test('a number is sent again once for each time it is asked for, not once for each mention', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { peer, ear } = transfer;
  await ear.untilAllBelow(HALF);
  await peer.write(`5 5 5 5 5 5\n`);
  await until('part 5 again', () => ear.timesOf(5) > 1);
  await untilObeyed(transfer);
  expect(ear.timesOf(5)).toBe(2);
});

test('a proceed that comes before the half is sent counts: the server does not hold', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server, 'f.bin', 'proceed\n');
  await transfer.ear.untilAllBelow(COUNT);
  await transfer.peer.write('stop\n');
  await until('praise', () => transfer.peer.text.includes('downloaded 100%'));
});

test('the answer may also come as a datagram, from the socket of the download only', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { ear } = transfer;
  await ear.untilAllBelow(HALF);
  using stranger = await Ear.open(OTHER_ADDRESS);
  await stranger.send('proceed', ear.serverPort);
  using neighbour = await Ear.open();
  await neighbour.send('proceed', ear.serverPort);
  await untilObeyed(transfer);
  await untilObeyed(transfer);
  expectNothingOfTheSecondHalf(transfer);
  await ear.send('proceed', ear.serverPort);
  await ear.untilAllBelow(COUNT);
});

test('random datagrams to the socket of a download change nothing', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { ear, peer } = transfer;
  await ear.untilAllBelow(HALF);
  for (let size = 0; size < 200; size += 1) await ear.send(someBytes(size, size), ear.serverPort);
  for (const text of ['stop', 'no', 'disconnect', 'proceed ', '12']) {
    await ear.send(text, ear.serverPort);
  }
  await untilObeyed(transfer);
  expectNothingOfTheSecondHalf(transfer);
  await peer.write('proceed\n');
  await ear.untilAllBelow(COUNT);
});

test.each(['no', 'stop', 'Proceed', 'proceed!', 'unknown words', 'x|y', ''])(
  'the answer %j stops the download, and another one can begin',
  async (answer) => {
    await using server = await startServer({ files: { 'f.bin': FILE, 'g.bin': 'g' } });
    using transfer = await begin(server);
    const { peer, ear } = transfer;
    await ear.untilAllBelow(HALF);
    await peer.write(`${answer}\n`);
    await peer.untilLine('download stopped');
    await peer.write('proceed\ndownload|g.bin\n');
    await peer.untilLine('|1');
    expect(peer.lines.slice(-3)).toEqual(['download stopped', 'Unknown command: proceed', '|1']);
    expectNothingOfTheSecondHalf(transfer);
  },
);

test('commands are obeyed in the pause, and do not stop the download', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server);
  const { peer, ear } = transfer;
  await ear.untilAllBelow(HALF);
  await peer.write('get_users\nget_list_file\nmsg_all|hello\nconnect|bob\n');
  await peer.untilLine("can't connect. Already connected");
  await peer.write('proceed\n');
  await ear.untilAllBelow(COUNT);
  expect(peer.lines.slice(3)).toEqual([
    'users: [ann]',
    'files: [f.bin]',
    'ann (to all): hello',
    "can't connect. Already connected",
  ]);
});

test('after proceed, what is no word of the transfer is an unknown command', async () => {
  await using server = await startServer({ files: { 'f.bin': FILE } });
  using transfer = await begin(server, 'f.bin', 'proceed\n');
  const { peer, ear } = transfer;
  await ear.untilAllBelow(COUNT);
  await peer.write('thanks\n');
  await peer.untilLine('Unknown command: thanks');
  await untilObeyed(transfer);
});
