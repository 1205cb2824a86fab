import { createHash } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { FastWish } from '../../lib/commands/client-download.ts';
import type { DownloadOutcome } from '../../lib/commands/client-effects.ts';
import { millis } from '../../lib/core/brands.ts';
import { randomFrom } from '../../lib/core/random.ts';
import { ChatClientDriver } from '../../lib/net/chat-client-driver.ts';
import { ReadAhead } from '../../lib/net/read-ahead.ts';
import { SegmentSender } from '../../lib/net/segment-sender.ts';
import type { SegmentSink } from '../../lib/net/segment-sink.ts';
import { encodeFeedback, MAX_FEEDBACK_BYTES } from '../../lib/udp-reliable/feedback.ts';
import type { Receiver } from '../../lib/udp-reliable/receiver.ts';
import { segment } from '../../lib/udp-reliable/segment.ts';
import { Sender } from '../../lib/udp-reliable/sender.ts';
import { lossyLink } from '../support/lossy-link.ts';
import { someBytes, startServer } from '../support/server-under-test.ts';
import { until } from './waiting.ts';

/** Parts that may be under way before anything is known (`INITIAL_BYTES` of the congestion window). */
const FIRST_WINDOW = 64;

/** A place for a file in memory. */
class Memory implements SegmentSink {
  readonly bytes: Buffer;
  /** Segments that it can still take. */
  room = Number.POSITIVE_INFINITY;
  readonly #payload: number;

  constructor(receiver: Receiver) {
    this.bytes = Buffer.alloc(receiver.fast?.size ?? receiver.segmentCount * receiver.payload);
    this.#payload = receiver.payload;
  }

  write(seq: number, datagram: Buffer, start: number): boolean {
    if (this.room <= 0) return false;
    this.room -= 1;
    datagram.copy(this.bytes, seq * this.#payload, start);
    return true;
  }

  async sha256(): Promise<string> {
    return createHash('sha256').update(this.bytes).digest('hex');
  }
}

interface Fetched {
  readonly outcome: DownloadOutcome;
  readonly memory: Memory | undefined;
  readonly receiver: Receiver | undefined;
  readonly texts: readonly string[];
}

interface FetchOptions {
  readonly wish?: Partial<FastWish>;
  readonly onHalf?: (client: ChatClientDriver) => void;
  readonly onSink?: (memory: Memory, receiver: Receiver) => void;
}

async function fetch(port: number, file: string, options: FetchOptions = {}): Promise<Fetched> {
  let memory: Memory | undefined;
  let receiver: Receiver | undefined;
  const texts: string[] = [];
  const client: ChatClientDriver = await ChatClientDriver.open({
    host: '127.0.0.1',
    port,
    from: undefined,
    framing: 'line',
    onText: (text) => texts.push(text),
    onAskToProceed: () => (options.onHalf ?? ((c) => c.answer('proceed')))(client),
    openSink: async (_file, opened) => {
      receiver = opened;
      memory = new Memory(opened);
      options.onSink?.(memory, opened);
      return memory;
    },
    onClosed: () => undefined,
  });
  await client.connect('ann');
  const outcome = await client.download(file, { proceed: true, ...options.wish });
  await client.disconnect();
  return { outcome, memory, receiver, texts };
}

describe('a download of the fast profile', () => {
  test.each([0, 1, 1467, 1468, 32_763, 3_000_000])('of %i bytes comes whole', async (size) => {
    const bytes = someBytes(size);
    await using server = await startServer({ files: { f: bytes } });
    const { outcome, memory, receiver } = await fetch(server.port, 'f');
    expect(outcome).toEqual({ type: 'complete' });
    expect(receiver?.fast).toBeDefined();
    expect(memory?.bytes.equals(bytes)).toBe(true);
  });

  test('has parts of the size that is asked for', async () => {
    await using server = await startServer({ files: { f: someBytes(100_000) } });
    const { receiver } = await fetch(server.port, 'f', { wish: { mtu: 1500 } });
    expect(receiver?.payload).toBe(1467);
    expect(receiver?.counts.received).toBe(69);
  });

  test('has small parts at a low rate, so that none of them takes long', async () => {
    await using server = await startServer({ files: { f: someBytes(1500) } });
    const { receiver } = await fetch(server.port, 'f', { wish: { rate: 20_000 } });
    expect(receiver?.payload).toBe(1467);
  });

  // Where the machine does something else for a moment, what has come is not acknowledged in time.
  test('comes whole over a path that loses a fifth, with few parts sent in vain', {
    retry: 2,
  }, async () => {
    const bytes = someBytes(1_000_000);
    await using server = await startServer({ files: { f: bytes } });
    await using link = await lossyLink(server.port, (seq, nth) =>
      randomFrom(5, seq, nth) < 0.2 ? [] : [{ delay: millis(0) }],
    );
    const { outcome, memory, receiver } = await fetch(link.port, 'f', { wish: { mtu: 1500 } });
    expect(outcome).toEqual({ type: 'complete' });
    expect(memory?.bytes.equals(bytes)).toBe(true);
    expect(receiver?.counts.duplicates).toBeLessThan(70);
  });

  test('holds at 50 % until the user goes on', async () => {
    await using server = await startServer({ files: { f: someBytes(300_000) } });
    let atHalf = 0;
    let opened: Receiver | undefined;
    const { outcome } = await fetch(server.port, 'f', {
      wish: { mtu: 1500, proceed: false },
      onSink: (_, receiver) => {
        opened = receiver;
      },
      onHalf: (client) => {
        atHalf = opened?.counts.received ?? 0;
        client.answer('proceed');
      },
    });
    expect(outcome).toEqual({ type: 'complete' });
    expect(atHalf).toBe(102);
  });

  test('is stopped at 50 % by any other answer', async () => {
    await using server = await startServer({ files: { f: someBytes(300_000) } });
    const { outcome, texts } = await fetch(server.port, 'f', {
      wish: { proceed: false },
      onHalf: (client) => client.answer('no'),
    });
    expect(outcome).toEqual({ type: 'stopped' });
    expect(texts).toContain('download stopped');
  });

  test('goes on with what an earlier attempt has left', async () => {
    const bytes = someBytes(3_000_000);
    await using server = await startServer({ files: { f: bytes } });
    const first = await fetch(server.port, 'f', { wish: { mtu: 1500 } });
    const { id, size } = first.receiver?.fast ?? { id: '', size: 0 };
    const leftover = {
      id,
      size,
      ranges: [
        [0, 1_467_000],
        [2_000_000, 2_500_000],
      ],
    } as const;
    const sent = new Set<number>();
    await using link = await lossyLink(server.port, (seq) => {
      sent.add(seq);
      return [{ delay: millis(0) }];
    });
    const second = await fetch(link.port, 'f', {
      wish: { mtu: 1500, leftover },
      onSink: (memory) => {
        for (const [start, end] of leftover.ranges) bytes.copy(memory.bytes, start, start, end);
      },
    });
    expect(second.outcome).toEqual({ type: 'complete' });
    expect(second.receiver?.counts.kept).toBe(1000 + 340);
    // What was sent was new, but for what went before the first feedback: one window, however late that comes.
    const count = Math.ceil(3_000_000 / 1467);
    expect(sent.size - (count - 1340)).toBeLessThanOrEqual(FIRST_WINDOW);
    expect(second.memory?.bytes.equals(bytes)).toBe(true);
  });

  test('is not given the SHA-256 of one that was abandoned before', async () => {
    const files = { a: someBytes(2_000_000), b: someBytes(3_000_000) };
    let second: Receiver | undefined;
    await using server = await startServer({
      files,
      // That of the first one comes while the other one is under way, and before the other's.
      beforeHash: (name) =>
        until(
          'the second',
          () => second !== undefined && (name === 'a' || second.phase === 'complete'),
        ),
    });
    let memory: Memory | undefined;
    await using client: ChatClientDriver = await ChatClientDriver.open({
      host: '127.0.0.1',
      port: server.port,
      from: undefined,
      framing: 'line',
      onText: () => undefined,
      onAskToProceed: () => undefined,
      openSink: async (file, receiver) => {
        if (file === 'a') setImmediate(() => client.abandon({ type: 'stopped' }));
        else second = receiver;
        memory = new Memory(receiver);
        return memory;
      },
      onClosed: () => undefined,
    });
    await client.connect('ann');
    expect(await client.download('a', { proceed: true })).toEqual({ type: 'stopped' });
    expect(await client.download('b', { proceed: true })).toEqual({ type: 'complete' });
    expect(memory?.bytes.equals(files.b)).toBe(true);
  });

  test('has more parts in a block than a system reads at once', async () => {
    const bytes = someBytes(3_000_000);
    const source = {
      // As libuv does: it takes no more buffers than the system.
      read: async (buffers: readonly Buffer[], position: number) => {
        let at = position;
        for (const buffer of buffers.slice(0, 1024)) at += bytes.copy(buffer, 0, at);
        return at - position;
      },
    };
    const ahead = new ReadAhead(source, segment(bytes.length, 543), 1e9);
    expect(ahead.large).toBe(true);
    const { datagram } = await ahead.slot(3000);
    expect(datagram.subarray(5).equals(bytes.subarray(3000 * 543, 3001 * 543))).toBe(true);
  });

  test('begins anew when the file is another one by now', async () => {
    await using server = await startServer({ files: { f: someBytes(100_000) } });
    const leftover = { id: 'other', size: 100_000, ranges: [[0, 50_000]] } as const;
    const { outcome, receiver } = await fetch(server.port, 'f', { wish: { leftover } });
    expect(outcome).toEqual({ type: 'complete' });
    expect(receiver?.counts.kept).toBe(0);
  });

  test('fails loudly when the bytes are not those of the server', async () => {
    const bytes = someBytes(3_000_000);
    await using server = await startServer({ files: { f: bytes } });
    const first = await fetch(server.port, 'f');
    const { id, size } = first.receiver?.fast ?? { id: '', size: 0 };
    // What it believes to have is not what the server has.
    const { outcome } = await fetch(server.port, 'f', {
      wish: { leftover: { id, size, ranges: [[0, 1_000_000]] } },
    });
    expect(outcome).toMatchObject({ type: 'failed', useless: true });
    expect(outcome).toMatchObject({ reason: expect.stringMatching(/SHA-256/) });
  });

  test('fails when the file changes on the way', async () => {
    await using server = await startServer({ files: { f: Buffer.alloc(12_000_000, 'a') } });
    const { outcome } = await fetch(server.port, 'f', {
      wish: { proceed: false },
      onHalf: async (client) => {
        // More than is read ahead is left. Whatever was hashed: the first half is of the one, the second of the other.
        await writeFile(join(server.folder, 'f'), Buffer.alloc(12_000_000, 'b'));
        client.answer('proceed');
      },
    });
    expect(outcome).toMatchObject({ type: 'failed' });
  });

  test('waits for a disk that cannot take more, and loses nothing', async () => {
    const bytes = someBytes(2_000_000);
    await using server = await startServer({ files: { f: bytes } });
    const { outcome, memory, receiver } = await fetch(server.port, 'f', {
      wish: { mtu: 1500 },
      onSink: (sink, opened) => void slow(sink, opened),
    });
    expect(outcome).toEqual({ type: 'complete' });
    expect(memory?.bytes.equals(bytes)).toBe(true);
    // Who lets it wait long is asked now and then whether he is still there.
    expect(receiver?.counts.duplicates).toBeLessThan(0.1 * (bytes.length / 1400));
  });

  test('waits for a silent client from when all was sent, not from the last try to wake it', async () => {
    const deaf = createSocket('udp4').bind(0, '127.0.0.1');
    await once(deaf, 'listening');
    const sender = new Sender({ segmentCount: 2, payload: 100, fast: true, shares: [] });
    sender.proceed();
    let paused = 0;
    const sending = new SegmentSender({
      sender,
      source: { read: async (buffers) => 100 * buffers.length },
      cut: segment(200, 100),
      numbering: 'binary',
      host: '127.0.0.1',
      port: deaf.address().port,
      localAddress: '127.0.0.1',
      onBound: () => undefined,
      onDatagram: () => undefined,
      onPaused: () => {
        paused += 1;
      },
      onFailed: () => undefined,
    });
    for (let count = 0; count < 4; count += 1) await once(deaf, 'message');
    expect(paused).toBe(1);
    sending.close();
    deaf.close();
  });

  test('hears nobody but the client, and only with the key', async () => {
    await using server = await startServer({ files: { f: someBytes(3_000_000) } });
    let told: number | undefined;
    const stranger = createSocket('udp4');
    const got: Buffer[] = [];
    stranger.on('message', (datagram) => got.push(datagram));
    const { outcome } = await fetch(server.port, 'f', {
      wish: { proceed: false },
      onSink: (_, receiver) => {
        told = receiver.fast?.port;
        const out = Buffer.alloc(MAX_FEEDBACK_BYTES);
        const guess = ((receiver.fast?.key ?? 0) + 1) % 2 ** 32;
        const feedback = {
          key: guess,
          proceed: true,
          credit: 100,
          newest: 0xffff_ffff,
          heldFor: 0,
        };
        const rest = { clock: 0, received: 0, base: 0, bitmap: new Uint8Array() };
        stranger.send(
          out.subarray(0, encodeFeedback({ ...feedback, ...rest }, out)),
          told,
          '127.0.0.1',
        );
      },
    });
    stranger.close();
    expect(told).toBeGreaterThan(0);
    expect(got).toEqual([]);
    expect(outcome).toEqual({ type: 'complete' });
  });
});

/** Makes a little room, and waits until it is used, until all is there. */
async function slow(sink: Memory, receiver: Receiver): Promise<void> {
  while (receiver.phase !== 'complete') {
    sink.room = 50;
    const before = receiver.counts.received;
    for (let round = 0; round < 50 && receiver.counts.received === before; round += 1) await turn();
  }
}

describe('a server that does not know the fast profile', () => {
  test.each([
    ['takes the options for a part of the name', "Can't download. File not found"],
    ['answers in words of its own', "can't download that"],
  ])('and %s is asked again as the document has it', async (_, refusal) => {
    const asked: string[] = [];
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      socket.on('data', (chunk) => {
        for (const line of chunk.toString().split('\n').filter(Boolean)) {
          asked.push(line);
          if (line.startsWith('connect')) socket.write('connected\n');
          else if (line === 'download|f') socket.write('|0\n');
          else if (line.startsWith('download')) socket.write(`${refusal}\n`);
          else if (line === 'stop')
            socket.write('User ann downloaded 100% out of file. Last byte is: none\n');
          else if (line === 'disconnect') socket.end();
        }
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as { port: number };
    const { outcome, texts } = await fetch(port, 'f', { wish: { mtu: 1500 } });
    server.close();
    expect(outcome).toEqual({ type: 'complete' });
    expect(asked.slice(0, 3)).toEqual(['connect|ann', 'download|f|fast=1|mtu=1500', 'download|f']);
    expect(texts).not.toContain(refusal);
  });
});
