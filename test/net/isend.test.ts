import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { describe, expect, test } from 'vitest';
import { seededRandom } from '../../lib/core/random.ts';
import { formatCode } from '../../lib/isend/code.ts';
import { Gate } from '../../lib/isend/gate.ts';
import { CodeResponder, findCode } from '../../lib/net/isend-code.ts';
import type { IncomingSink } from '../../lib/net/isend-inbound.ts';
import { IsendReceiverDriver } from '../../lib/net/isend-receiver-driver.ts';
import { IsendSenderDriver } from '../../lib/net/isend-sender-driver.ts';
import type { SourceItem } from '../../lib/net/isend-source.ts';
import { wire } from '../isend/machines.ts';
import { someBytes } from '../support/server-under-test.ts';
import { until } from './waiting.ts';

const CONNECT = wire('connect', 0);

/** A sink in memory. */
class MemorySink implements IncomingSink {
  readonly files: Record<string, Buffer> = {};
  readonly log: string[] = [];
  #name = '';
  #chunks: Buffer[] = [];
  /** Bytes that it takes in all. */
  room = Number.POSITIVE_INFINITY;

  async beginFile(name: string) {
    this.#name = name;
    this.#chunks = [];
    return { type: 'done' } as const;
  }
  async write(bytes: Buffer) {
    this.room -= bytes.length;
    if (this.room < 0) throw new Error('full');
    this.#chunks.push(bytes);
  }
  goOn() {}
  cancel() {}
  async endFile() {
    this.files[this.#name] = Buffer.concat(this.#chunks);
    return { type: 'done' } as const;
  }
  async beginFolder(name: string) {
    this.log.push(`folder ${name}`);
    return { type: 'done' } as const;
  }
  endFolder() {}
  show(text: string) {
    this.log.push(`message ${text}`);
  }
  describe(error: unknown) {
    return error instanceof Error ? error.message : '';
  }
  async end(complete: boolean) {
    this.log.push(complete ? 'complete' : 'not complete');
  }
}

async function startReceiver(password?: string, room = Number.POSITIVE_INFINITY) {
  const sinks: MemorySink[] = [];
  const warnings: string[] = [];
  let ended = 0;
  const driver = await IsendReceiverDriver.start({
    host: '127.0.0.1',
    port: 0,
    gate: new Gate(password === undefined ? undefined : Buffer.from(password)),
    openSink: () => {
      const sink = new MemorySink();
      sink.room = room;
      sinks.push(sink);
      return sink;
    },
    onWarning: (text) => warnings.push(text),
    onEnded: () => {
      ended += 1;
    },
  });
  return {
    driver,
    port: driver.port,
    sinks,
    warnings,
    get ended() {
      return ended;
    },
    [Symbol.asyncDispose]: () => driver.close(),
  };
}

function source(bytes: Buffer): SourceItem {
  let position = 0;
  return {
    item: { type: 'file', name: 'f', size: bytes.length },
    file: {
      size: bytes.length,
      async read(buffers) {
        const start = position;
        for (const buffer of buffers) {
          position += bytes.copy(buffer, 0, position, position + buffer.length);
        }
        return position - start;
      },
      sha256: async () => '',
      goTo: () => undefined,
      isUnchanged: () => true,
      close: async () => undefined,
    },
  };
}

async function send(port: number, items: SourceItem[], window = 16, password?: string) {
  const outcomes: string[] = [];
  let changed = 0;
  const driver = await IsendSenderDriver.open({
    host: '127.0.0.1',
    port,
    window,
    password: password === undefined ? undefined : Buffer.from(password),
    next: async () => items.shift(),
    onItemEnded: (_item, { type, text }) => outcomes.push(`${type} ${text}`.trim()),
    onChanged: () => {
      changed += 1;
    },
    onArrived: () => undefined,
  });
  const failure = await driver.run();
  return { failure, outcomes, changed };
}

/** A peer that writes bytes as they are, and keeps what it is told. */
async function connect(port: number) {
  const socket = createConnection({ port, host: '127.0.0.1', allowHalfOpen: true });
  let heard = Buffer.alloc(0);
  socket.on('data', (chunk) => {
    heard = Buffer.concat([heard, chunk]);
  });
  // What it still writes may meet a connection that is gone.
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.on('end', () => socket.end());
  await once(socket, 'connect');
  return {
    socket,
    closed,
    get heard() {
      return heard;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

describe('what is sent arrives', () => {
  test.each([
    [0, 16],
    [1, 16],
    [65_535, 16],
    [65_536, 2],
    [5_000_000, 16],
    [300_000, 1],
    [20_000_000, 64],
  ])('%i bytes, with a window of %i', async (size, window) => {
    await using receiver = await startReceiver();
    const bytes = someBytes(size);
    expect(await send(receiver.port, [source(bytes)], window)).toEqual({
      failure: undefined,
      outcomes: ['confirmed'],
      changed: 0,
    });
    expect(receiver.sinks[0]?.files.f?.equals(bytes)).toBe(true);
    expect(receiver.warnings).toEqual([]);
    await until('the end', () => receiver.ended === 1);
    expect(receiver.sinks[0]?.log).toEqual(['complete']);
  });

  test('with a password, and not without', async () => {
    await using receiver = await startReceiver('sesam');
    expect((await send(receiver.port, [], 16, 'sesam')).failure).toBeUndefined();
    expect((await send(receiver.port, [])).failure).toMatch(/a password is needed/);
    for (let attempt = 0; attempt < 3; attempt += 1) {
      expect((await send(receiver.port, [], 1, 'x')).failure).toMatch(/wrong password/);
    }
    expect((await send(receiver.port, [], 16, 'sesam')).failure).toMatch(/too many/);
  });

  test('until there is no room: the sender stops, and is told why', async () => {
    await using receiver = await startReceiver(undefined, 1_000_000);
    for (const window of [1, 16]) {
      const { failure, outcomes } = await send(
        receiver.port,
        [source(someBytes(3_000_000)), source(someBytes(1))],
        window,
      );
      expect(failure).toBe('the receiver refuses to go on: full');
      expect(outcomes).toEqual(['refused full']);
    }
  });
});

test('a second sender is refused while the first is served, and served afterwards', async () => {
  await using receiver = await startReceiver();
  using first = await connect(receiver.port);
  first.socket.write(CONNECT);
  await until('the first', () => receiver.sinks.length === 1);
  expect((await send(receiver.port, [])).failure).toMatch(/another sender/);
  first.socket.destroy();
  await until('the end of the first', () => receiver.ended === 1);
  expect((await send(receiver.port, [])).failure).toBeUndefined();
});

test('what was under way when the sender goes is not complete', async () => {
  await using receiver = await startReceiver();
  using peer = await connect(receiver.port);
  peer.socket.write(
    Buffer.concat([CONNECT, wire('file-name', 1, 'f'), wire('file-content', 2, 'x')]),
  );
  await until('the replies', () => peer.heard.length >= 6 * 5);
  peer.socket.destroy();
  await until('the end', () => receiver.ended === 1);
  expect(receiver.sinks[0]?.log).toEqual(['not complete']);
});

test('a receiver that is stopped ends what is under way', async () => {
  const receiver = await startReceiver();
  using peer = await connect(receiver.port);
  peer.socket.write(CONNECT);
  await until('the connection', () => receiver.sinks.length === 1);
  await receiver.driver.close();
  expect(receiver.sinks[0]?.log).toEqual(['not complete']);
});

test('a sender that reads no replies is not read from without end', async () => {
  await using receiver = await startReceiver();
  using peer = await connect(receiver.port);
  peer.socket.pause();
  const many = Buffer.concat(Array.from({ length: 4000 }, (_, id) => wire('message', id + 1, 'm')));
  peer.socket.write(CONNECT);
  let isBlocked = false;
  for (let round = 0; round < 2000 && !isBlocked; round += 1) {
    isBlocked = !peer.socket.write(many) && peer.socket.writableLength > 20_000_000;
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(isBlocked).toBe(true);
});

describe('a file that changes while it is sent', () => {
  test('and becomes shorter ends the transfer, and nothing is stored', async () => {
    await using receiver = await startReceiver();
    const item = source(someBytes(500_000));
    if (!('file' in item)) throw new Error('no file');
    const shorter = { ...item, file: { ...item.file, size: 600_000 } };
    const { failure, outcomes } = await send(receiver.port, [shorter]);
    expect(failure).toBe('a file has become shorter while it was sent');
    expect(outcomes).toEqual([]);
    await until('the end', () => receiver.ended === 1);
    expect(receiver.sinks[0]?.files).toEqual({});
    expect(receiver.sinks[0]?.log).toEqual(['not complete']);
  });

  test('in another way is told', async () => {
    await using receiver = await startReceiver();
    const item = source(someBytes(500_000));
    if (!('file' in item)) throw new Error('no file');
    const { failure, changed } = await send(receiver.port, [
      { ...item, file: { ...item.file, isUnchanged: () => false } },
    ]);
    expect(failure).toBeUndefined();
    expect(changed).toBe(1);
  });
});

describe('nonsense', () => {
  const session = Buffer.concat([
    CONNECT,
    wire('folder-name', 1, 'd'),
    wire('file-name', 2, 'f'),
    wire('file-content', 3, 'abc'),
    wire('end-of-file', 4),
    wire('end-of-folder', 5),
    wire('message', 6, 'hello'),
  ]);

  /** Random bytes, or a session with a few of them changed, cut short or doubled. */
  function nonsense(random: () => number): Buffer {
    if (random() < 0.3)
      return someBytes(Math.floor(random() * 200) + 1, Math.floor(random() * 1e9));
    const bytes = Buffer.from(session);
    for (let count = Math.floor(random() * 4) + 1; count > 0; count -= 1) {
      bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
    }
    const cut = random() < 0.5 ? bytes.subarray(0, Math.floor(random() * bytes.length) + 1) : bytes;
    return random() < 0.2 ? Buffer.concat([cut, cut]) : cut;
  }

  test('of 10,000 kinds is answered or not, and closed; then a sender is served', async () => {
    // One each: a receiver serves one at a time, and the others would not get far.
    const receivers = await Promise.all(Array.from({ length: 50 }, () => startReceiver()));
    const random = seededRandom(7);
    for (let round = 0; round < 200; round += 1) {
      const peers = await Promise.all(
        receivers.map(async ({ port }) => {
          const peer = await connect(port);
          peer.socket.end(nonsense(random));
          return peer;
        }),
      );
      await Promise.all(peers.map(({ closed }) => closed));
    }
    for (const receiver of receivers) {
      expect(receiver.warnings.filter((text) => text.startsWith('fault'))).toEqual([]);
      await until('the last one to end', () => receiver.ended === receiver.sinks.length);
      expect((await send(receiver.port, [source(someBytes(100))])).failure).toBeUndefined();
    }
    const sessions = receivers.reduce((sum, { sinks }) => sum + sinks.length, 0);
    expect(sessions).toBeGreaterThan(4000);
    await Promise.all(receivers.map((receiver) => receiver[Symbol.asyncDispose]()));
  });

  test('gets 112 with the reason, and then the end', async () => {
    await using receiver = await startReceiver();
    using peer = await connect(receiver.port);
    peer.socket.write(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    await peer.closed;
    expect(peer.heard.subarray(2, 4)).toEqual(Buffer.from([112, 1]));
    expect(peer.heard.subarray(6).toString()).toBe('unknown operation code 84');
  });

  test('in place of replies is told to the user of the sender', async () => {
    const sockets: Socket[] = [];
    const server = createServer((socket) => {
      sockets.push(socket);
      socket.on('error', () => undefined);
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as { port: number };
    expect((await send(port, [])).failure).toBe('the receiver has answered in another protocol');
    for (const socket of sockets) socket.destroy();
    server.close();
  });
});

describe('a code', () => {
  const CODE = formatCode(48_219_137);

  test('leads to whoever has it', async () => {
    expect(CODE).toBe('4821-9137');
    await using responder = await CodeResponder.start(CODE, 0, 1234);
    expect(await findCode(CODE, responder.port)).toMatchObject({ port: 1234 });
  });

  test('that nobody has leads to nobody', async () => {
    await using responder = await CodeResponder.start(CODE, 0, 1234);
    expect(await findCode(formatCode(1), responder.port)).toBeUndefined();
  });
});
