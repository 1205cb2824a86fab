import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type ServerUnderTest, someBytes, startServer } from '../support/server-under-test.ts';
import { type ClientOptions, ClientUnderTest } from './client-under-test.ts';
import { Ear, RawPeer } from './raw-peer.ts';
import { startReference } from './reference.ts';
import { resourcesNow, untilReleased } from './resources.ts';
import { loopTurns, until } from './waiting.ts';

/** 20 parts: 0 to 9 go before the pause. */
const FILES = { 'f.bin': someBytes(20 * 2043) };
const HALF = 10;

/** Runs `body` with a server, and expects nothing to be left once it is over. */
async function expectNothingLeft(body: (server: ServerUnderTest) => Promise<void>): Promise<void> {
  const outside = await resourcesNow();
  {
    await using server = await startServer({ files: FILES });
    const before = await resourcesNow();
    await body(server);
    await untilReleased(before);
    // It still serves, and nobody is on its list.
    using peer = await RawPeer.open(server.port);
    await peer.write('get_users\n');
    await peer.untilLine('users: []');
  }
  await untilReleased(outside);
}

/** Runs `body` with a client that is online; what it holds meanwhile must not grow either. */
async function expectNothingLeftOnline(
  options: Omit<ClientOptions, 'port'>,
  body: (client: ClientUnderTest, server: ServerUnderTest) => Promise<void>,
): Promise<void> {
  await expectNothingLeft(async (server) => {
    await using client = await ClientUnderTest.open({ ...options, port: server.port });
    const before = await resourcesNow();
    await body(client, server);
    await untilReleased(before);
    expect(await client.locks()).toEqual([]);
    await client.driver.disconnect();
  });
}

test('nothing is left of a clean session', async () => {
  await expectNothingLeftOnline({}, async (client) => {
    expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'complete' });
    expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'complete' });
  });
});

describe('nothing is left of a client that is killed', () => {
  const online = 'connect|ann\n';
  const asked = `${online}download|f.bin\n`;
  /** What the client says, and how far the server gets with it. */
  const STAGES: Record<string, (peer: RawPeer, ear: Ear) => Promise<void>> = {
    'before it said anything': async () => undefined,
    'in the middle of a message': (peer) => peer.write('conn'),
    'once it is online': async (peer) => {
      await peer.write(online);
      await peer.untilLine('connected');
    },
    'as its request arrives': (peer) => peer.write(asked),
    'before it told a port': async (peer) => {
      await peer.write(asked);
      await peer.untilLine('|20');
    },
    'as its port arrives': async (peer, ear) => {
      await peer.write(asked);
      await peer.untilLine('|20');
      await peer.write(`${ear.port}\n`);
    },
    'in the pause': async (peer, ear) => {
      await peer.write(asked);
      await peer.untilLine('|20');
      await peer.write(`${ear.port}\n`);
      await ear.untilAllBelow(HALF);
    },
    'in the second half': async (peer, ear) => {
      await peer.write(asked);
      await peer.untilLine('|20');
      await peer.write(`${ear.port}\nproceed\n`);
      await until('a part of the second half', () => ear.seqs.some((seq) => seq >= HALF));
    },
    'as it says stop': async (peer, ear) => {
      await peer.write(asked);
      await peer.untilLine('|20');
      await peer.write(`${ear.port}\nproceed\n`);
      await ear.untilAllBelow(20);
      await peer.write('stop\n');
    },
  };

  for (const [name, stage] of Object.entries(STAGES)) {
    test.each(['closed', 'reset'] as const)(`${name}, its connection %s`, async (how) => {
      await expectNothingLeft(async (server) => {
        using peer = await RawPeer.open(server.port);
        using ear = await Ear.open();
        await stage(peer, ear);
        if (how === 'closed') peer.destroy();
        else peer.socket.resetAndDestroy();
      });
    });
  }
});

test('nothing is left of a client that is gone when its file is open at last', async () => {
  let goOn: (() => void) | undefined;
  const beforeOpen = (): Promise<void> => {
    return new Promise((resolve) => {
      goOn = resolve;
    });
  };
  await using server = await startServer({ files: FILES, beforeOpen });
  const before = await resourcesNow();
  const peer = await RawPeer.open(server.port);
  await peer.write('connect|ann\ndownload|f.bin\n');
  await until('the request', () => goOn !== undefined);
  peer.socket.resetAndDestroy();
  await until('the end of the connection', () => {
    return server.events.some((event) => event.text.startsWith('TCP broken'));
  });
  goOn?.();
  await untilReleased(before);
});

describe('nothing is left of a download that is given up, though the client stays', () => {
  test.each(['no', 'stop'])('with the answer %s', async (answer) => {
    const onHalf = ({ driver }: ClientUnderTest): void => driver.answer(answer);
    await expectNothingLeftOnline({ onHalf }, async (client) => {
      expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'stopped' });
      await until('the answer', () => client.texts.includes('download stopped'));
    });
  });

  test('by the user, in the pause', async () => {
    const onHalf = ({ driver }: ClientUnderTest): void => driver.abandon({ type: 'stopped' });
    await expectNothingLeftOnline({ onHalf }, async (client) => {
      expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'stopped' });
    });
  });

  test('by the user, while its place is opened', async () => {
    let client: ClientUnderTest | undefined;
    const beforeSink = async (): Promise<void> => {
      await loopTurns();
      client?.driver.abandon({ type: 'stopped' });
    };
    await expectNothingLeftOnline({ beforeSink }, async (one) => {
      client = one;
      expect((await one.fetch('f.bin')).outcome).toEqual({ type: 'stopped' });
      await until('the answer', () => one.texts.includes('download stopped'));
    });
  });

  test('by the user, before the server has answered', async () => {
    await expectNothingLeftOnline({}, async (client) => {
      const fetched = client.fetch('f.bin');
      client.driver.abandon({ type: 'stopped' });
      expect((await fetched).outcome).toEqual({ type: 'stopped' });
      await until('the answer', () => client.texts.includes('download stopped'));
    });
  });

  test('because there is no place for the file', async () => {
    const beforeSink = (): never => {
      throw new Error('no place');
    };
    await expectNothingLeftOnline({ beforeSink }, async (client) => {
      expect((await client.fetch('f.bin')).outcome).toEqual({ type: 'failed', reason: 'no place' });
    });
  });

  test('because a third party was to get it', async () => {
    await expectNothingLeft(async (server) => {
      using peer = await RawPeer.open(server.port);
      await peer.write('connect|ann\ndownload|f.bin\n127.0.0.9|5000\n');
      await until('a refusal', () => peer.text.includes("Can't download"));
      await peer.write('get_users\n');
      await peer.untilLine('users: [ann]');
    });
  });
});

describe('nothing is left of a download that fails, though the client stays', () => {
  test('because there is no such file', async () => {
    await expectNothingLeftOnline({}, async (client) => {
      expect((await client.fetch('nowhere')).outcome).toMatchObject({ type: 'failed' });
    });
  });

  test('because the file changed', async () => {
    let change = async (): Promise<void> => undefined;
    const onHalf = async (client: ClientUnderTest): Promise<void> => {
      await change();
      client.driver.answer('proceed');
    };
    await expectNothingLeftOnline({ onHalf }, async (client, server) => {
      change = () => appendFile(join(server.folder, 'f.bin'), 'more');
      expect((await client.fetch('f.bin')).outcome).toMatchObject({ type: 'failed' });
    });
  });

  test('because the server is gone', async () => {
    const before = await resourcesNow();
    {
      await using server = await startReference({ files: FILES });
      await using client = await ClientUnderTest.open({
        port: server.port,
        onHalf: () => server.close(),
      });
      expect((await client.fetch('f.bin')).outcome).toMatchObject({ type: 'failed' });
      expect(await client.locks()).toEqual([]);
    }
    await untilReleased(before);
  });
});

test('nothing is left of a server that closes while clients are at every stage', async () => {
  const before = await resourcesNow();
  {
    await using server = await startServer({ files: FILES });
    using ear = await Ear.open();
    using silent = await RawPeer.open(server.port);
    using waiting = await RawPeer.open(server.port);
    await waiting.write('connect|bob\ndownload|f.bin\n');
    await waiting.untilLine('|20');
    using receiving = await RawPeer.open(server.port);
    await receiving.write('connect|cy\ndownload|f.bin\n');
    await receiving.untilLine('|20');
    await receiving.write(`${ear.port}\n`);
    await ear.untilAllBelow(HALF);
    await using client = await ClientUnderTest.open({
      port: server.port,
      onHalf: () => server.driver.close(),
    });
    expect((await client.fetch('f.bin')).outcome).toMatchObject({ type: 'failed' });
    await until('the end', () => client.closings.length === 1);
    expect(client.texts).toContain('server is closing');
    expect(await client.locks()).toEqual([]);
    for (const peer of [silent, waiting, receiving]) await peer.untilEnded();
  }
  await untilReleased(before);
});
