import type { ServerCheck } from '../server-bench.ts';
import { listSeenBy, lists, usersSeenBy } from './common.ts';

export const LISTS: readonly ServerCheck[] = [
  {
    ...{ name: 'users', family: 'lists', points: 2 },
    line: '"to get list of online users ... get_users. The server will try to return that list to you."',
    hint: 'Connect two clients: get_users has to name both.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      const users = await usersSeenBy(bench, ann);
      if (lists(users, ann.name) && lists(users, bob.name)) return;
      bench.fail({
        wrong: 'the list of users is not whole',
        ...{ expected: `${ann.name} and ${bob.name}`, got: users },
      });
    },
  },
  {
    ...{ name: 'users-before-connect', family: 'lists', points: 1 },
    line: '"You don\'t need to be connected to do that task, but you do need to have tcp connection."',
    hint: 'Send get_users without connect|NAME before it.',
    run: async (bench) => {
      const [ann, guest] = [await bench.login('ann'), await bench.connect()];
      const users = await usersSeenBy(bench, guest);
      if (lists(users, ann.name)) return;
      bench.fail({
        wrong: 'a guest does not get the list of users',
        ...{ expected: `${ann.name} in it`, got: users },
      });
    },
  },
  {
    ...{ name: 'files', family: 'lists', points: 2 },
    needs: 'started',
    line: '"to get list of files ... get_list_file. The server will try to return that list to you."',
    hint: 'get_list_file has to name each file in the folder "files", before connect|NAME as well.',
    run: async (bench) => {
      const guest = await bench.connect();
      const answer = await listSeenBy(bench, guest, 'get_list_file');
      const missing = Object.keys(bench.files).filter((name) => !lists(answer, name));
      if (missing.length === 0) return;
      bench.fail({
        wrong: 'the list of files is not whole',
        ...{ expected: Object.keys(bench.files).join(', '), got: answer },
      });
    },
  },
];
