import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { Callers } from '../../lib/net/callers.ts';
import { until } from './waiting.ts';

/** A port at which callers are admitted, and those that were. */
async function openDoor() {
  const tooOften: string[] = [];
  const admitted = new Set<Socket>();
  let cut = 0;
  const callers = new Callers((address) => tooOften.push(address));
  const server = createServer((socket) => {
    if (callers.admit(socket) === undefined) {
      cut += 1;
      return;
    }
    admitted.add(socket.on('error', () => undefined).resume());
    socket.once('close', () => admitted.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const open: Socket[] = [];
  return {
    ...{ admitted, tooOften },
    /** Resolves when so many more were let in, or cut. */
    call: async (count: number): Promise<void> => {
      const before = cut + admitted.size;
      for (let index = 0; index < count; index += 1) {
        open.push(connect(port, '127.0.0.1').on('error', () => undefined));
      }
      await until('all calls', () => cut + admitted.size === before + count);
    },
    hangUp: async (): Promise<void> => {
      for (const socket of open) socket.destroy();
      await until('an empty room', () => admitted.size === 0);
    },
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}

test('one address may have 16 connections, and others when those have gone', async () => {
  await using door = await openDoor();
  await door.call(30);
  expect(door.admitted.size).toBe(16);
  await door.hangUp();
  await door.call(10);
  expect(door.admitted.size).toBe(10);
  expect(door.tooOften).toEqual([]);
});

test('one that calls too often is cut, and told of once', async () => {
  await using door = await openDoor();
  for (let round = 0; round < 20; round += 1) {
    await door.call(10);
    await door.hangUp();
  }
  expect(door.tooOften).toEqual(['127.0.0.1']);
});
