import { expect, test } from 'vitest';
import { startServer } from '../support/server-under-test.ts';
import { RawPeer } from './raw-peer.ts';
import { loopTurns, until } from './waiting.ts';

const MAX_MESSAGE_BYTES = 65_536;
/** The silence that ends a bare peer's message. */
const SILENCE_MS = 50;

/** Sends the pieces one after the other, each after the one before it was most likely read. */
async function writePieces(peer: RawPeer, pieces: readonly Uint8Array[]): Promise<void> {
  for (const piece of pieces) {
    await peer.write(piece);
    await loopTurns();
  }
}

/**
 * Sends the pieces of a first message on a new connection. Pauses of 50 ms are not allowed there;
 * when this machine made one, another connection is tried.
 */
async function openWithPieces(port: number, pieces: readonly Uint8Array[]): Promise<RawPeer> {
  for (;;) {
    const peer = await RawPeer.open(port);
    const start = performance.now();
    await writePieces(peer, pieces);
    if (performance.now() - start < SILENCE_MS / 2) return peer;
    peer.destroy();
  }
}

function* cutsOf(text: string): Generator<[Buffer, Buffer]> {
  const bytes = Buffer.from(text);
  for (let at = 1; at < bytes.length; at += 1) yield [bytes.subarray(0, at), bytes.subarray(at)];
}

const eachByte = (text: string): Buffer[] => [...Buffer.from(text)].map((byte) => Buffer.of(byte));

test('a line may be cut anywhere, also within a character and before its line end', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  await peer.write('connect|ann\r\n');
  await peer.untilLine('connected');
  for (const [first, second] of cutsOf('msg_all|é🙂\r\n')) {
    const before = peer.lines.length;
    await writePieces(peer, [first, second]);
    await peer.write('get_users\n');
    await expect
      .poll(() => peer.lines.slice(before))
      .toEqual(['ann (to all): é🙂', 'users: [ann]']);
  }
});

test('a line may come byte by byte, with pauses, once there was a first one', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  using clock = await RawPeer.open(server.port);
  await peer.write('get_users\n');
  await peer.untilLine('users: []');
  await peer.write('connect|');
  // A bare peer gets its answer after the silence that would end a bare message.
  await clock.write('get_users');
  await clock.untilText('users: []');
  await writePieces(peer, eachByte('ann\nmsg_all|x\n'));
  await peer.untilLine('ann (to all): x');
  expect(peer.lines).toEqual(['users: []', 'ann is connected', 'connected', 'ann (to all): x']);
});

test('the first line of a connection may be cut anywhere', async () => {
  await using server = await startServer();
  for (const pieces of cutsOf('connect|é\n')) {
    using peer = await openWithPieces(server.port, pieces);
    await peer.untilLine('connected');
    expect(peer.lines).toEqual(['é is connected', 'connected']);
    await peer.write('disconnect\n');
    await peer.untilEnded();
  }
});

test('the first line of a connection may come byte by byte', async () => {
  await using server = await startServer();
  using peer = await openWithPieces(server.port, eachByte('get_users\n'));
  await peer.untilLine('users: []');
  expect(peer.text).toBe('users: []\n');
});

test('lines that come glued are answered one by one, in order', async () => {
  await using server = await startServer({ files: { 'q.txt': 'q' } });
  using peer = await RawPeer.open(server.port);
  await peer.write('get_users\nget_list_file\nconnect|ann\nget_list_file\r\nget_users\nhello\n');
  await peer.untilLine('Unknown command: hello');
  expect(peer.lines).toEqual([
    'users: []',
    'files: [q.txt]',
    'ann is connected',
    'connected',
    'files: [q.txt]',
    'users: [ann]',
    'Unknown command: hello',
  ]);
});

test('what a line peer asked before it ended its side is still answered', async () => {
  await using server = await startServer({ files: { 'q.txt': 'q' } });
  using peer = await RawPeer.open(server.port);
  await peer.write('get_list_file\nget_users\nget_list_file');
  peer.socket.end();
  await peer.untilEnded();
  expect(peer.lines).toEqual(['files: [q.txt]', 'users: []', 'files: [q.txt]']);
});

test('what a bare peer asked before it ended its side is still answered', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  await peer.write('get_users');
  peer.socket.end();
  await peer.untilEnded();
  expect(peer.text).toBe('users: []');
});

test('a bare peer is answered without line ends, a line peer with LF', async () => {
  await using server = await startServer();
  using bare = await RawPeer.open(server.port);
  await bare.write('get_users');
  await bare.untilText('users: []');
  using line = await RawPeer.open(server.port);
  await line.write('get_users\r\n');
  await line.untilText('users: []\n');
  expect(bare.text).toBe('users: []');
  expect(line.text).toBe('users: []\n');
});

test('two messages never reach a bare peer within 50 ms', async () => {
  await using server = await startServer();
  using bare = await RawPeer.open(server.port);
  await bare.write('connect|bare');
  await expect.poll(() => bare.reads.length).toBe(2);
  using other = await RawPeer.open(server.port);
  const before = bare.reads.length;
  const start = performance.now();
  // Its own messages and everybody's at the same moment: five that would glue together.
  await Promise.all([
    bare.write('get_users'),
    other.write('connect|ann\nmsg_all|one\nmsg_all|two\nmsg|three|bare\n'),
  ]);
  await expect.poll(() => bare.reads.length - before, { timeout: 10_000 }).toBe(5);
  const come = bare.reads.slice(before);
  expect(come.map((read) => read.text).sort()).toEqual([
    'ann (to all): one',
    'ann (to all): two',
    'ann is connected',
    'ann: three',
    'users: [bare, ann]',
  ]);
  // Counted from the question: a read may be noticed late, but the sum of the pauses cannot shrink.
  for (const [index, { at }] of come.entries()) {
    expect(at - start).toBeGreaterThanOrEqual(SILENCE_MS * index);
  }
});

test("connect's two answers reach a bare peer in two reads", async () => {
  await using server = await startServer();
  using bare = await RawPeer.open(server.port);
  const start = performance.now();
  await bare.write('connect|bare');
  await expect
    .poll(() => bare.reads.map((read) => read.text))
    .toEqual(['bare is connected', 'connected']);
  // The silence that ends its message, then the pause between the answers.
  expect((bare.reads[1]?.at ?? 0) - start).toBeGreaterThanOrEqual(2 * SILENCE_MS - 2);
});

const LONGEST = 'x'.repeat(MAX_MESSAGE_BYTES);
const ANSWER_TO_LONGEST = `Unknown command: ${'x'.repeat(40)}`;

test('a line of 64 KiB is a message, one byte more is not and ends the connection', async () => {
  await using server = await startServer();
  using watcher = await RawPeer.open(server.port);
  await watcher.write('connect|watcher\n');
  using peer = await RawPeer.open(server.port);
  await peer.write(`connect|ann\n${LONGEST}\r\n`);
  await peer.untilLine(ANSWER_TO_LONGEST);
  await peer.write(`${LONGEST}x\nget_users\n`);
  await peer.untilEnded();
  expect(peer.lines.at(-1)).toBe('message too long');
  await watcher.untilLine('ann is disconnected');
});

test('a line that never ends is refused as soon as it is too long', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  await peer.write(`get_users\nmsg_all|${LONGEST}`);
  await peer.untilEnded();
  expect(peer.lines).toEqual(['users: []', 'message too long']);
});

test('a bare message of 64 KiB is one, a byte more is not and ends the connection', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  await peer.write('connect|ann');
  await peer.untilText('connected');
  await peer.write(LONGEST);
  await peer.untilText(ANSWER_TO_LONGEST);
  await peer.write(`${LONGEST}x`);
  await peer.untilEnded();
  expect(peer.reads.at(-1)?.text).toBe('message too long');
});

test('a first message that is too long is refused before its framing is known', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  await peer.write('x'.repeat(3 * MAX_MESSAGE_BYTES));
  await peer.untilEnded();
  expect(peer.text).toBe('message too long');
});

test('a message counts by the bytes that came, even when they are no UTF-8', async () => {
  await using server = await startServer();
  using peer = await RawPeer.open(server.port);
  await peer.write('connect|ann\n');
  await peer.untilLine('connected');
  await peer.write(Buffer.concat([Buffer.alloc(MAX_MESSAGE_BYTES, 0xff), Buffer.from('\n')]));
  await peer.write('get_users\n');
  await until('an answer, or the end', () => peer.lines.includes('users: [ann]') || peer.ended);
  expect(peer.lines.slice(2)).toEqual([`Unknown command: ${'\ufffd'.repeat(40)}`, 'users: [ann]']);
});
