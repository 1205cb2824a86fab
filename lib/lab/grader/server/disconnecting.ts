import type { ServerBench, ServerCheck, Talker } from '../server-bench.ts';
import { ENDS_WITHIN, lists, usersSeenBy } from './common.ts';

export const DISCONNECTING: readonly ServerCheck[] = [
  {
    ...{ name: 'disconnect', family: 'disconnecting', points: 2 },
    line: '"The server will disconnect you from the tcp connection".',
    hint: 'After "disconnect" the server has to close the socket of that client.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      await ann.say('disconnect');
      const ends = await ann.ends();
      // One that ends with its clients does so by then.
      await bench.wait(ENDS_WITHIN);
      if (ends) return;
      bench.fail({
        wrong: 'the connection stays open',
        expected: 'it is closed',
        got: 'it is not',
      });
    },
  },
  {
    ...{ name: 'disconnect-leaves-list', family: 'disconnecting', points: 2 },
    line: '"the command will disconnect you ... reverse the action of the connect function."',
    hint: 'After "disconnect" the name must be gone from get_users, and free for others.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      await ann.say('disconnect');
      await ann.ends();
      await expectGone(bench, ann.name, bob);
    },
  },
  {
    ...{ name: 'vanishing-client', family: 'disconnecting', points: 2 },
    line: '"The server is prepared for problem from the client ... the server will close the connection".',
    hint: 'Kill a client: its name must be gone from get_users, and free for others.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      ann.reset();
      await expectGone(bench, ann.name, bob);
    },
  },
];

/** Blames a user who is still in the list, or whose name stays taken. */
export async function expectGone(bench: ServerBench, name: string, other: Talker): Promise<void> {
  let users = '';
  for (let tries = 0; tries < 4; tries += 1) {
    users = await usersSeenBy(bench, other);
    if (!lists(users, name)) break;
    await bench.wait(300);
  }
  if (lists(users, name)) {
    bench.blame({
      wrong: 'whoever has left is still among the users',
      ...{ expected: `no ${name}`, got: users, share: 0.5 },
    });
  }
  const again = await bench.connect();
  await again.say(`connect|${name}`);
  const answer = await again.hearsLine(/connected|taken|can.?t/i);
  if (answer !== undefined && !/taken|can.?t/i.test(answer)) return;
  bench.blame({
    wrong: 'the name of one who has left is not free',
    ...{ expected: 'connected', got: (answer ?? again.unread) || 'nothing', share: 0.5 },
  });
}
