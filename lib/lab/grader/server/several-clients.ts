import { millis } from '../../../core/brands.ts';
import type { DownloadRecord, ServerCheck, Talker } from '../server-bench.ts';
import { ANYTHING, expectAllParts, expectDatagrams, lists, usersSeenBy } from './common.ts';

const MOST_ON_A_PORT = 15;
/** A part, counted from 0. */
const HELD_BACK = 3;

export const SEVERAL_CLIENTS: readonly ServerCheck[] = [
  {
    ...{ name: 'two-downloads', family: 'several-clients', points: 2 },
    needs: 'download-whole',
    line: '"Once connection achieved, the server creates new thread to handle the new client".',
    hint: 'Let two clients download at the same time: both files have to become whole.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      if (bench.readings.pauseAt === undefined) {
        const both = [ann, bob].map((one) => bench.download(one, 'many.txt'));
        for (const record of await Promise.all(both)) expectAllParts(bench, record);
        return;
      }
      // While one thinks at 50 %, the other one has all of it.
      const records: DownloadRecord[] = [];
      const first = await bench.download(ann, 'usual.txt', {
        inPause: async () => {
          records.push(await bench.download(bob, 'usual.txt'));
        },
      });
      for (const record of [...records, first]) expectAllParts(bench, record);
    },
  },
  {
    ...{ name: 'others-while-one-downloads', family: 'several-clients', points: 2 },
    needs: 'download-begun',
    line: '"allowing other clients": one client that downloads does not stop the others.',
    hint: 'While a client lacks a part and has not asked for it, another one connects, and gets answers.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      const blamed: string[] = [];
      let isTried = false;
      const others = async (): Promise<void> => {
        isTried = true;
        bob.forget();
        await bob.say('get_users');
        if (!(await bob.hears(ANYTHING))) blamed.push('get_users is not answered');
        const eve = await bench.tryConnect();
        await eve?.say(`connect|${eve.name}`);
        if (!(await eve?.hears(/connected/i))) blamed.push('nobody else can connect');
      };
      // It waits for what is asked for then, or for the answer at its pause: by the same message.
      const record = await bench.download(ann, 'usual.txt', {
        fateOf: (seq) => (seq === HELD_BACK && !isTried ? [] : [{ delay: millis(0) }]),
        beforeAsking: others,
      });
      expectDatagrams(bench, record);
      if (!isTried) expectAllParts(bench, record);
      for (const got of blamed) {
        bench.blame({
          wrong: 'a download stops the others',
          ...{ expected: 'an answer while another client downloads', got, share: 0.5 },
        });
      }
    },
  },
  {
    ...{ name: 'fifteen-on-a-port', family: 'several-clients', points: 2, limit: 30 },
    line: '"max 15 connections at the same time in every port"',
    hint: 'Connect fifteen clients to one port: all of them are online.',
    run: async (bench) => {
      const port = bench.ports.at(-1);
      const talkers: Talker[] = [];
      for (let at = 0; at < MOST_ON_A_PORT; at += 1) talkers.push(await bench.login('x', port));
      const [first] = talkers;
      if (first === undefined) return;
      const users = await usersSeenBy(bench, first);
      const missing = talkers.filter(({ name }) => !lists(users, name));
      if (missing.length === 0) return;
      bench.fail({
        wrong: 'not all fifteen clients of one port are online',
        expected: talkers.map(({ name }) => name).join(', '),
        got: users,
      });
    },
  },
];
