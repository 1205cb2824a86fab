import { millis } from '../../../core/brands.ts';
import { counted } from '../../../core/text.ts';
import { SECRET_FILE } from '../files.ts';
import { reRequestsFor } from '../re-requests-for.ts';
import type { ServerBench, ServerCheck, Talker } from '../server-bench.ts';
import { ANYTHING, ENDS_WITHIN, expectAllParts, expectDatagrams, NOTHING_FOR } from './common.ts';
import { expectGone } from './disconnecting.ts';

/** On a port. */
const MORE_THAN_FIT = 17;

export const ROBUSTNESS: readonly ServerCheck[] = [
  {
    ...{ name: 'two-messages-at-once', family: 'robustness', points: 1 },
    line: 'TCP is a stream: what is written twice may be read at once (for servers whose messages are lines).',
    hint: 'Write "get_users" and "get_list_file", each with its line end, in one write: both are answered.',
    run: async (bench) => {
      if (bench.readings.hears === 'bare') {
        bench.did('nothing separates its messages: nothing is blamed');
        return;
      }
      const ann = await bench.login('ann');
      await ann.sayBytes(Buffer.from('get_users\nget_list_file\n'));
      if (await ann.hears(/two-parts\.txt/)) return;
      bench.fail({
        wrong: 'only the first of two lines is answered',
        ...{ expected: 'the list of users, and that of files', got: ann.unread || 'nothing' },
      });
    },
  },
  {
    ...{ name: 'places-are-freed', family: 'robustness', points: 2, limit: 30 },
    line: '"max 15 connections at the same time": those who have left do not count.',
    hint: 'Let seventeen clients connect and leave, one after the other: the next one can connect.',
    run: async (bench) => {
      const port = bench.ports[1];
      for (let times = 0; times < MORE_THAN_FIT; times += 1) {
        const guest = await bench.login('guest', port);
        if (times % 2 === 0) await guest.say('disconnect');
        else guest.reset();
        await guest.ends(500);
        guest.close();
      }
      await bench.login('ann', port);
    },
  },
  {
    ...{ name: 'address-of-another', family: 'robustness', points: 1 },
    needs: 'download-begun',
    line: '"(IP is the same as the tcp socket ...)": parts go nowhere else.',
    hint: 'Answer the number of parts with 127.0.0.2|PORT: no datagram may go there.',
    run: async (bench) => {
      // One that sends nothing to anybody shows nothing by it.
      const ann = await bench.login('ann');
      expectDatagrams(bench, await bench.download(ann, 'two-parts.txt'));
      ann.close();
      // One that ends with its clients does so by then.
      await bench.wait(ENDS_WITHIN);
      const came = await bench.datagramsAtAnother(await bench.login('bob'), 'usual.txt');
      if (came === 0) return;
      bench.fail({
        wrong: 'parts are sent to the address of another',
        ...{ expected: 'none', got: `${came} datagrams` },
      });
    },
  },
  {
    ...{ name: 'junk', family: 'robustness', points: 2 },
    line: '"The server is prepared for problem from the client".',
    hint: 'Send bytes that are no UTF-8 and words that are no command: the others are served as before.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      for (const bytes of [
        Buffer.from([0xff, 0xfe, 0x00, 0x80, 0xc3, 0x28, 0x0a]),
        Buffer.from('dance|now\n'),
        Buffer.from('|||||\n'),
        Buffer.from('msg|\n'),
        Buffer.from('connect\n'),
        Buffer.from('download\n'),
      ]) {
        const guest = await bench.connect();
        await guest.sayBytes(bytes);
        await guest.hears(ANYTHING, 150);
        guest.close();
      }
      await expectServes(bench, ann);
    },
  },
  {
    ...{ name: 'long-message', family: 'robustness', points: 1 },
    line: '"The server is prepared for problem from the client".',
    hint: 'Send a message of 100 kB: the others are served as before.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const guest = await bench.login('loud');
      await guest.sayBytes(Buffer.from(`msg_all|${'x'.repeat(100_000)}\n`));
      await bench.wait(200);
      guest.reset();
      ann.forget();
      await expectServes(bench, ann);
    },
  },
  {
    ...{ name: 'wrong-port', family: 'robustness', points: 1 },
    line: 'The client sends "its udp socket port number": what is none must not harm the server.',
    hint: 'Answer the number of parts with words, with 0 and with 99999.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      for (const port of ['hello', '0', '99999', '-5']) {
        const guest = await bench.login('odd');
        await guest.say('download|usual.txt');
        await guest.hears(/\|\s*\d+/);
        await guest.say(port);
        await guest.hears(ANYTHING, 100);
        guest.close();
      }
      await expectServes(bench, ann);
    },
  },
  {
    ...{ name: 'wrong-numbers', family: 'robustness', points: 1 },
    needs: 'download-whole',
    line: '"all the packets numbers that need to be resend": numbers that no part has must not harm.',
    hint: 'Ask for parts -1, 99999 and 4294967296: the download goes on.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      // In the second half: at the pause, anything but proceed may mean stop.
      const record = await bench.download(ann, 'usual.txt', {
        fateOf: (seq, nth) => (seq === 35 && nth === 1 ? [] : [{ delay: millis(0) }]),
        beforeAsking: async () => {
          for (const message of reRequestsFor([-1, 99_999, 2 ** 32], bench.readings)) {
            await ann.say(message);
          }
        },
      });
      if (record.bytes !== undefined) return;
      bench.fail({
        wrong: 'the download does not go on after numbers that no part has',
        ...{
          expected: 'the rest of the file',
          got: `${counted(record.missing.length, 'part')} missing`,
        },
      });
    },
  },
  {
    ...{ name: 'path-in-name', family: 'robustness', points: 2 },
    needs: 'download-begun',
    line: 'Files are those of the folder "files", and no others.',
    hint: 'download|../secret.txt must not announce any parts.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      for (const name of [`../${SECRET_FILE}`, `./../${SECRET_FILE}`, '/etc/hostname', '..']) {
        ann.forget();
        await ann.say(`download|${name}`);
        const answer = await ann.hears(ANYTHING, NOTHING_FOR);
        if (!/^\s*\|\s*\d/.test(answer?.[0] ?? '')) continue;
        bench.fail({
          wrong: 'a file outside of the folder is sent',
          ...{ expected: `no parts of ${name}`, got: answer?.[0] ?? '' },
        });
      }
      await bench.login('bob');
    },
  },
  {
    ...{ name: 'vanishing-download', family: 'robustness', points: 2 },
    needs: 'download-whole',
    line: '"(client connection and socket not working for example)": one who leaves in a download harms nobody.',
    hint: 'Kill a client in the middle of a download, three times: others can download, and its name is free.',
    run: async (bench) => {
      let last = '';
      for (let times = 0; times < 3; times += 1) {
        const guest = await bench.login('gone');
        last = guest.name;
        await bench.download(guest, 'usual.txt', {
          fateOf: (seq) => (seq === 3 ? [] : [{ delay: millis(0) }]),
          // The last one ends as a program does that is closed, the others break off.
          beforeAsking: async () => (times < 2 ? guest.reset() : guest.close()),
        });
      }
      const ann = await bench.login('ann');
      expectAllParts(bench, await bench.download(ann, 'usual.txt'));
      await expectGone(bench, last, ann);
    },
  },
];

/** Blames a server that does not answer, or lets nobody in any more. */
async function expectServes(bench: ServerBench, old: Talker): Promise<void> {
  if (!bench.program.isRunning) {
    bench.fail({ wrong: 'the server has ended', expected: 'it runs', got: 'it does not' });
  }
  old.forget();
  await old.say('get_users');
  if ((await old.hears(ANYTHING)) === undefined) {
    bench.fail({
      wrong: 'a client that was there before is not served any more',
      ...{ expected: 'an answer to get_users', got: 'nothing' },
    });
  }
  await bench.login('new');
}
