import { describe, expect, test } from 'vitest';
import { ReferenceClient } from '../support/reference-client.ts';
import { type ServerUnderTest, startServer } from '../support/server-under-test.ts';

type Framing = 'line' | 'bare';

/** Opens a connection, which the server ends; with a name it logs in and takes the answers. */
async function open(
  server: ServerUnderTest,
  framing: Framing,
  name?: string,
): Promise<ReferenceClient> {
  const client = await ReferenceClient.connect({ port: server.port, framing });
  if (name !== undefined) {
    client.send(`connect|${name}`);
    await expectNext(client, `${name} is connected`, 'connected');
  }
  return client;
}

/** The next messages are exactly these. */
async function expectNext(client: ReferenceClient, ...texts: string[]): Promise<void> {
  for (const text of texts) expect(await client.next()).toBe(text);
}

/** Sends, and expects these answers and no others before them. */
async function ask(client: ReferenceClient, text: string, ...answers: string[]): Promise<void> {
  client.send(text);
  await expectNext(client, ...answers);
}

// Most of the time is spent waiting for the pauses of bare peers: they wait together.
describe.each<Framing>(['line', 'bare'])(
  'a session with a %s peer',
  {
    concurrent: true,
  },
  (framing) => {
    test('connect is told to everybody online, the new one included, and then answered', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const bob = await open(server, framing);
      await ask(bob, 'connect|bob', 'bob is connected', 'connected');
      await expectNext(alice, 'bob is connected');
    });

    test('who is not online is not told who connects', async () => {
      await using server = await startServer();
      const silent = await open(server, framing);
      await open(server, framing, 'alice');
      await ask(silent, 'get_users', 'users: [alice]');
    });

    test('a name that is taken is refused, and free again when its owner has left', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const other = await open(server, framing);
      await ask(other, 'connect|alice', "can't connect. Name is taken. Try another");
      await ask(other, 'connect|bob', 'bob is connected', 'connected');
      await expectNext(alice, 'bob is connected');
      await ask(alice, 'disconnect', 'disconnected');
      await expectNext(other, 'alice is disconnected');
      await open(server, framing, 'alice');
    });

    test('an illegal name is refused', async () => {
      await using server = await startServer();
      const client = await open(server, framing);
      const illegal = [
        '',
        'a|b',
        '|',
        ' a',
        'a ',
        'a\tb',
        'a\u0085b',
        'x'.repeat(65),
        'é'.repeat(33),
      ];
      for (const name of illegal) {
        await ask(client, `connect|${name}`, "can't connect. Name is illegal. Try another");
      }
      await ask(client, 'get_users', 'users: []');
    });

    test.each(['x'.repeat(64), 'é'.repeat(32), 'two words', '名前'])(
      'the name %s is legal',
      async (name) => {
        await using server = await startServer();
        const client = await open(server, framing, name);
        await ask(client, 'get_users', `users: [${name}]`);
      },
    );

    test('connect a second time is refused, and changes nothing', async () => {
      await using server = await startServer();
      const client = await open(server, framing, 'alice');
      await ask(client, 'connect|alice', "can't connect. Already connected");
      await ask(client, 'connect|bob', "can't connect. Already connected");
      await ask(client, 'get_users', 'users: [alice]');
    });

    test('disconnect is answered, told to the others, and ends the connection', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const bob = await open(server, framing, 'bob');
      await expectNext(alice, 'bob is connected');
      await ask(bob, 'disconnect', 'disconnected');
      await bob.ended;
      expect(bob.received.at(-1)).toBe('disconnected');
      await expectNext(alice, 'bob is disconnected');
      await ask(alice, 'get_users', 'users: [alice]');
    });

    test('disconnect without a name is answered, and told to nobody', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const silent = await open(server, framing);
      await ask(silent, 'disconnect', 'disconnected');
      await silent.ended;
      await ask(alice, 'get_users', 'users: [alice]');
    });

    test('a connection that just breaks is told to the rest', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const bob = await open(server, framing, 'bob');
      await expectNext(alice, 'bob is connected');
      bob.close();
      await expectNext(alice, 'bob is disconnected');
      await ask(alice, 'get_users', 'users: [alice]');
    });

    test('get_users lists in order of connection, also who came back', async () => {
      await using server = await startServer();
      const silent = await open(server, framing);
      await ask(silent, 'get_users', 'users: []');
      const first = await open(server, framing, 'bob');
      const second = await open(server, framing, 'alice');
      await ask(silent, 'get_users', 'users: [bob, alice]');
      await ask(first, 'disconnect', 'alice is connected', 'disconnected');
      await expectNext(second, 'bob is disconnected');
      await open(server, framing, 'bob');
      await ask(silent, 'get_users', 'users: [alice, bob]');
    });

    test('get_list_file lists by name, and needs no name', async () => {
      await using server = await startServer({
        files: { 's.txt': 's', 'q.txt': 'q', 'B.txt': 'b' },
      });
      const silent = await open(server, framing);
      await ask(silent, 'get_list_file', 'files: [B.txt, q.txt, s.txt]');
    });

    test('an empty folder is an empty list', async () => {
      await using server = await startServer();
      await ask(await open(server, framing), 'get_list_file', 'files: []');
    });

    test('msg_all goes to everybody online, the sender included', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const bob = await open(server, framing, 'bob');
      const silent = await open(server, framing);
      await expectNext(alice, 'bob is connected');
      await ask(alice, 'msg_all|good | morning', 'alice (to all): good | morning');
      await expectNext(bob, 'alice (to all): good | morning');
      await ask(silent, 'get_users', 'users: [alice, bob]');
    });

    test('msg goes to its target alone, who follows the last bar', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      const bob = await open(server, framing, 'bob');
      const carol = await open(server, framing, 'carol');
      await expectNext(alice, 'bob is connected', 'carol is connected');
      await expectNext(bob, 'carol is connected');
      alice.send('msg|one|two|bob');
      await expectNext(bob, 'alice: one|two');
      await ask(alice, 'get_users', 'users: [alice, bob, carol]');
      await ask(carol, 'get_users', 'users: [alice, bob, carol]');
      await ask(alice, 'msg|to myself|alice', 'alice: to myself');
      alice.send('msg||bob');
      await expectNext(bob, 'alice: ');
    });

    test('msg to somebody who is not there says so', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      await ask(alice, 'msg|hello|bob', "Can't send message. bob is not online");
      await ask(alice, 'msg|hello|', "Can't send message.  is not online");
    });

    test('anything else is an unknown command, of which the first 40 characters are shown', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      await ask(alice, 'hello', 'Unknown command: hello');
      // A bare peer cannot say nothing: there is no write without bytes.
      if (framing === 'line') await ask(alice, '', 'Unknown command: ');
      await ask(alice, '🙂'.repeat(50), `Unknown command: ${'🙂'.repeat(40)}`);
      await ask(alice, 'Get_users', 'Unknown command: Get_users');
      await ask(alice, 'get_users|', 'Unknown command: get_users|');
      await ask(alice, 'msg|to nobody', 'Unknown command: msg|to nobody');
      await ask(alice, 'connect', 'Unknown command: connect');
    });

    test('the words of a download are unknown commands outside of one', async () => {
      await using server = await startServer();
      const alice = await open(server, framing, 'alice');
      for (const word of ['proceed', 'stop', '7 8', '40000']) {
        await ask(alice, word, `Unknown command: ${word}`);
      }
    });

    test('who is not online can neither say nor download anything', async () => {
      await using server = await startServer({ files: { 'q.txt': 'q' } });
      const silent = await open(server, framing);
      for (const text of ['msg_all|hello', 'msg|hello|alice', 'hello', 'connect', 'stop', '12']) {
        await ask(silent, text, "Can't send message. Need to log in first");
      }
      await ask(silent, 'download|q.txt', "Can't download. Need to log in first");
    });
  },
);

test('line peers and bare peers talk with each other', async () => {
  await using server = await startServer();
  const line = await open(server, 'line', 'line');
  const bare = await open(server, 'bare', 'bare');
  await expectNext(line, 'bare is connected');
  line.send('msg|to the bare one|bare');
  await expectNext(bare, 'line: to the bare one');
  bare.send('msg|to the line one|line');
  await expectNext(line, 'bare: to the line one');
});

test('in the original dialect the target of msg comes first', async () => {
  await using server = await startServer({ dialect: 'original' });
  const alice = await open(server, 'line', 'alice');
  const bob = await open(server, 'line', 'bob');
  await expectNext(alice, 'bob is connected');
  alice.send('msg|bob|one|two');
  await expectNext(bob, 'alice: one|two');
  await ask(alice, 'msg|hello|bob', "Can't send message. hello is not online");
});
