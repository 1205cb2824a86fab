import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { breakConnection } from '../../lib/net/break-connection.ts';

interface Pair extends AsyncDisposable {
  readonly near: Socket;
  readonly far: Socket;
}

async function connected(): Promise<Pair> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const near = createConnection({
    port: (server.address() as AddressInfo).port,
    allowHalfOpen: true,
  });
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ];
  near.on('error', () => undefined);
  return {
    ...{ near, far },
    [Symbol.asyncDispose]: async () => {
      near.destroy();
      far.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

test('a connection that is broken comes to no orderly end', async () => {
  await using pair = await connected();
  let isOrderly = false;
  pair.far.on('end', () => {
    isOrderly = true;
  });
  const broken = once(pair.far, 'error').catch((error: unknown) => [error]);
  pair.far.resume();
  breakConnection(pair.near);
  expect(await broken).toMatchObject([{ code: 'ECONNRESET' }]);
  expect(isOrderly).toBe(false);
});

test.each([
  ['when it was coming to its end', (socket: Socket) => socket.end()],
  ['when words are still on their way', (socket: Socket) => socket.write('words')],
  ['when nothing was said', () => undefined],
])('nothing is left of one %s', async (_, before) => {
  await using pair = await connected();
  const closed = new Promise((resolve) => pair.near.once('close', resolve));
  before(pair.near);
  breakConnection(pair.near);
  await closed;
});
