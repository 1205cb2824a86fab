import type { ServerCheck } from '../server-bench.ts';
import { ANYTHING, lists, NOTHING_FOR, usersSeenBy } from './common.ts';

/** Whatever a server may say when it refuses. */
const REFUSED = /can.?t|cannot|taken|in use|already|exist|another|not |illegal|invalid|error/i;

export const CONNECTING: readonly ServerCheck[] = [
  {
    ...{ name: 'connect', family: 'connecting', points: 3 },
    needs: 'started',
    line: '"If the name was legal then ... you will receive back message of \'connected\' as sign of success."',
    hint: 'Send connect|NAME and look for the answer "connected".',
    run: async (bench) => {
      const ann = await bench.connect();
      await ann.say(`connect|${ann.name}`);
      // "ann is connected" is for everybody; the answer is the word by itself.
      if (await ann.hears(/(?<!is )(?<!dis)connected/i)) return;
      bench.fail({
        wrong: 'no answer to connect',
        expected: 'connected',
        got: ann.unread || 'nothing',
      });
    },
  },
  {
    ...{ name: 'connect-announced', family: 'connecting', points: 1 },
    line: '"The action will try to send all users the message: <name> is connected".',
    hint: 'Connect two clients; the first one should read "SECOND is connected".',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const bob = await bench.login('bob');
      if (await ann.hears(new RegExp(`${bob.name}[^\\n]*connect`, 'i'))) return;
      bench.fail({
        wrong: 'nobody is told of a new user',
        ...{
          expected: `${ann.name} hears "${bob.name} is connected"`,
          got: ann.unread || 'nothing',
        },
      });
    },
  },
  {
    ...{ name: 'name-taken', family: 'connecting', points: 2 },
    line: '"If the name you chose was taken, the server will not connect you and send back ... Name is taken."',
    hint: 'Connect twice with one name: the second one must be refused, and can then connect with another name.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const other = await bench.connect();
      await other.say(`connect|${ann.name}`);
      if ((await other.hearsLine(REFUSED)) === undefined) {
        bench.fail({
          wrong: 'a name that is taken is not refused',
          expected: "can't connect. Name is taken. Try another",
          got: other.unread || 'nothing',
        });
      }
      ann.forget();
      await other.say('msg_all|from nobody');
      if (await ann.hears(/from nobody/, NOTHING_FOR)) {
        bench.blame({
          wrong: 'who was refused can send messages all the same',
          ...{ expected: 'nobody gets them', got: 'from nobody', share: 0.5 },
        });
      }
      other.forget();
      const name = bench.newName('bob');
      await other.say(`connect|${name}`);
      if (!(await other.hears(/connected/i))) {
        bench.blame({
          wrong: 'after a refused name, another one does not work',
          ...{ expected: 'connected', got: other.unread || 'nothing', share: 0.5 },
        });
      }
      const third = await bench.connect();
      await third.say(`connect|${ann.name}`);
      await third.hears(ANYTHING, NOTHING_FOR);
      third.close();
      await bench.wait(300);
      const users = await usersSeenBy(bench, ann);
      if (lists(users, ann.name)) return;
      bench.blame({
        wrong: 'who has the name is not online any more when one leaves who was refused it',
        ...{ expected: `${ann.name} in the list of users`, got: users, share: 0.5 },
      });
    },
  },
  {
    ...{ name: 'name-illegal', family: 'connecting', points: 1 },
    line: "\"the name can't have '|' in it\"",
    hint: "Send connect|a|b: nobody of the name 'a|b' may be online afterwards, and the server must go on.",
    run: async (bench) => {
      const ann = await bench.login('ann');
      const other = await bench.connect();
      const name = `${bench.newName('x')}|y`;
      await other.say(`connect|${name}`);
      await other.hears(ANYTHING, NOTHING_FOR);
      const users = await usersSeenBy(bench, ann);
      if (!users.includes(name)) return;
      bench.fail({
        wrong: "a name with '|' was taken",
        ...{ expected: `no ${name} among the users`, got: users },
      });
    },
  },
];
