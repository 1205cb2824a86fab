import { millis } from '../../../core/brands.ts';
import type { FateOf } from '../../faults.ts';
import type { DownloadRecord, ServerBench, ServerCheck, Talker } from '../server-bench.ts';
import {
  ANYTHING,
  expectAllParts,
  expectAsAlone,
  expectDatagrams,
  expectPause,
  lists,
  usersSeenBy,
} from './common.ts';

const MOST_ON_A_PORT = 15;
/** A part, counted from 0. */
const HELD_BACK = 3;

/** Loses that part until something has happened. */
function heldBackUntil(isSo: () => boolean): FateOf {
  return (seq) => (seq === HELD_BACK && !isSo() ? [] : [{ delay: millis(0) }]);
}

/** @returns `undefined` when nobody gets in there */
async function onLastPort(bench: ServerBench): Promise<Talker | undefined> {
  const talker = await bench.tryConnect(bench.ports.at(-1));
  await talker?.say(`connect|${talker.name}`);
  return (await talker?.hears(/connected/i)) && talker;
}

export const SEVERAL_CLIENTS: readonly ServerCheck[] = [
  {
    ...{ name: 'two-downloads', family: 'several-clients', points: 2 },
    needs: 'download-whole',
    line: '"Once connection achieved, the server creates new thread to handle the new client".',
    hint: 'Let two clients download different files at the same time: each gets his own, and all of it.',
    run: async (bench) => {
      const [ann, bob] = [await bench.login('ann'), await bench.login('bob')];
      const others: DownloadRecord[] = [];
      // While one thinks at 50 %, or has to ask for a part, the other one gets another file.
      const meanwhile = async (): Promise<void> => {
        others.push(await bench.download(bob, 'binary.bin'));
      };
      const record = await bench.download(
        ann,
        'usual.txt',
        bench.readings.pauseAt === undefined
          ? { fateOf: heldBackUntil(() => others.length > 0), beforeAsking: meanwhile }
          : { inPause: meanwhile },
      );
      for (const other of others) expectAllParts(bench, other);
      // One that does not send it again loses the points of others.
      if (bench.readings.pauseAt === undefined && String(record.missing) === String(HELD_BACK))
        return;
      expectAsAlone(bench, record);
      expectPause(bench, record);
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
        fateOf: heldBackUntil(() => isTried),
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
    ...{ name: 'ports-together', family: 'several-clients', points: 2 },
    line: '"The server has dictionary where it keeps the online client sockets": one, whichever port a client has come by.',
    hint: 'Connect one client to the first port and one to the last: each is in the list of the other, and reads what he sends.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const [bob, eve] = [await onLastPort(bench), await onLastPort(bench)];
      // A port where they do not get in costs the points of others.
      if (bob === undefined || eve === undefined) return;
      await bench.wait(200);
      const users = await usersSeenBy(bench, ann);
      if (!lists(users, bob.name)) {
        bench.blame({
          wrong: 'clients of different ports do not see each other',
          ...{ expected: `${ann.name} and ${bob.name}`, got: users, share: 0.5 },
        });
      }
      ann.forget();
      await bob.say('msg_all|from another port');
      // One that passes nothing on loses the points of `message-to-all`.
      if (!(await eve.hears(/from another port/))) return;
      if (await ann.hears(/from another port/)) return;
      bench.blame({
        wrong: 'a message to all does not reach the clients of another port',
        ...{ expected: 'from another port', got: ann.unread || 'nothing', share: 0.5 },
      });
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
