import type { ServerCheck } from '../server-bench.ts';
import { lists, NOTHING_FOR, usersSeenBy } from './common.ts';

export const MESSAGES: readonly ServerCheck[] = [
  {
    ...{ name: 'message-to-all', family: 'messages', points: 2 },
    line: '"In case you chose to send message to all users, the server will receive: msg_all|<message_data>".',
    hint: 'Connect three clients and send msg_all|TEXT: all others have to read TEXT.',
    run: async (bench) => {
      const [ann, bob, eve] = [
        await bench.login('ann'),
        await bench.login('bob'),
        await bench.login('eve'),
      ];
      await ann.say('msg_all|good morning to all');
      for (const other of [bob, eve]) {
        const heard = await other.hears(/(?:^|\n)?[^\n]{0,200}good morning to all/);
        if (heard === undefined) {
          bench.blame({
            wrong: `${other.name} does not get what is for all`,
            ...{ expected: 'good morning to all', got: other.unread || 'nothing', share: 0.5 },
          });
        }
      }
    },
  },
  {
    ...{ name: 'message-to-one', family: 'messages', points: 2 },
    line: '"Otherwise the server will receive: msg|<message_data>|<target_name>".',
    hint: 'Connect three clients and send msg|TEXT|NAME: only NAME may read TEXT.',
    run: async (bench) => {
      const [ann, bob, eve] = [
        await bench.login('ann'),
        await bench.login('bob'),
        await bench.login('eve'),
      ];
      const words = 'only for you';
      const fields =
        bench.readings.message === 'data-first' ? [words, bob.name] : [bob.name, words];
      bob.forget();
      await ann.say(`msg|${fields.join('|')}`);
      if ((await bob.hears(/only for you/)) === undefined) {
        bench.fail({
          wrong: `${bob.name} does not get the message`,
          ...{ expected: words, got: bob.unread || 'nothing' },
        });
      }
      if ((await eve.hears(/only for you/, NOTHING_FOR)) === undefined) return;
      bench.blame({
        wrong: `${eve.name} gets what is for ${bob.name}`,
        ...{ expected: 'nothing', got: words, share: 0.5 },
      });
    },
  },
  {
    ...{ name: 'message-with-bar', family: 'messages', points: 1 },
    line: "\"(the name can't have '|' in it)\": a message can.",
    hint: 'Send msg_all|this | that: the others have to read all of it.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      await ann.say('msg_all|this and that');
      // A server that passes nothing on loses the points of message-to-all.
      if ((await bob.hears(/this and that/)) === undefined) return;
      bob.forget();
      await ann.say('msg_all|this | that');
      const heard = await bob.hears(/this[^\n]*that/);
      if (heard?.[0] === 'this | that') return;
      bench.fail({
        wrong: "a message with '|' does not come whole",
        ...{ expected: 'this | that', got: heard?.[0] ?? (bob.unread || 'nothing') },
      });
    },
  },
  {
    ...{ name: 'message-to-nobody', family: 'messages', points: 1 },
    line: '"msg|<message_data>|<target_name>": nobody may have that name.',
    hint: 'Send a message to a name that nobody has: the next command of the same client works.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const fields = ['hello', bench.newName('nobody')];
      if (bench.readings.message === 'target-first') fields.reverse();
      await ann.say(`msg|${fields.join('|')}`);
      await bench.wait(200);
      const users = await usersSeenBy(bench, ann);
      if (lists(users, ann.name)) return;
      bench.fail({
        wrong: 'after a message to nobody, the client is not served any more',
        ...{ expected: `${ann.name} in the list of users`, got: users },
      });
    },
  },
  {
    ...{ name: 'message-needs-connect', family: 'messages', points: 1 },
    line: '"Note that you must be connected to do that action."',
    hint: 'Send msg_all|TEXT without connect|NAME before it: nobody may read it.',
    run: async (bench) => {
      const [ann, guest] = [await bench.login('ann'), await bench.connect()];
      await guest.say('msg_all|from nobody');
      if ((await ann.hears(/from nobody/, NOTHING_FOR)) === undefined) return;
      bench.fail({
        wrong: 'whoever is not connected can send messages',
        ...{ expected: 'nobody gets it', got: 'from nobody' },
      });
    },
  },
];
