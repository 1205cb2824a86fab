import { counted } from '../../../core/text.ts';
import { PAUSES, type ServerCheck } from '../server-bench.ts';
import { expectAllParts, lists, usersSeenBy } from './common.ts';

/** A person at the pause, in milliseconds. */
const THINKS_FOR = 2500;

export const PAUSING: readonly ServerCheck[] = [
  {
    ...{ name: 'pause', family: 'pausing', points: 3 },
    needs: 'download-whole',
    line: '"After reaching 50% download, the server will stop and wait to hear from the client if it wants to proceed."',
    hint: 'Answer nothing at 50 % for some seconds: no part of the second half may come, and then all of it. (20 % counts as well: the document has both.)',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const { pauseAt } = bench.readings;
      if (pauseAt === undefined) {
        bench.did(
          'the server sent the whole file without a pause when its readings were found out',
        );
      }
      const record = await bench.download(ann, 'usual.txt', { pause: THINKS_FOR });
      const count = record.count ?? 0;
      const allowed = Math.max(...PAUSES.map((share) => Math.ceil(share * count)));
      const early = record.parts.filter(({ afterProceed }) => !afterProceed);
      const sent = new Set(early.map(({ seq }) => seq)).size;
      const first = early.find(({ seq }) => seq >= allowed + 1);
      if (pauseAt === undefined || first !== undefined) {
        bench.fail({
          wrong: 'the second half comes without an answer',
          expected: `at most ${allowed} of ${count} parts before "proceed"`,
          got: `${sent} parts`,
          frames: first === undefined ? [] : [first.frame],
        });
      }
      if (record.bytes === undefined) {
        bench.blame({
          wrong: 'it does not go on when the answer has taken some seconds',
          ...{ expected: 'the second half after "proceed"', share: 0.5 },
          got: `${counted(record.missing.length, 'part')} missing`,
        });
      }
      if (PAUSES.some((share) => Math.abs(sent - share * count) <= 1)) return;
      bench.fail({
        wrong: 'it pauses at another place',
        ...{ expected: 'a pause at 50 % (or 20 %)', got: `one after ${sent} of ${count} parts` },
        share: 0.5,
      });
    },
  },
  {
    ...{ name: 'proceed', family: 'pausing', points: 2 },
    needs: 'download-whole',
    line: '"If you want to proceed you write \'proceed\'."',
    hint: 'Answer "proceed" at 50 %: the rest has to come without being asked for.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      // What it lacks then costs the points of `pause`.
      if (bench.readings.pauseAt === undefined) return;
      const record = await bench.download(ann, 'usual.txt');
      const after = record.parts.filter(({ afterProceed }) => afterProceed);
      const unasked = after.filter(({ seq }) => !record.asked.has(seq));
      if (unasked.length > 0 && record.bytes !== undefined) return;
      bench.fail({
        wrong: 'it does not go on after "proceed"',
        expected: 'the parts of the second half',
        got: `${after.length} parts, ${unasked.length} of them without being asked for again`,
        frames: after.slice(0, 3).map(({ frame }) => frame),
      });
    },
  },
  {
    ...{ name: 'stop-at-half', family: 'pausing', points: 2 },
    needs: 'download-whole',
    line: '"In case you stopped, the server will send you message \'download stopped\'."',
    hint: 'Answer anything else at 50 %: the server says so, sends no more parts, and takes the next command.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const record = await bench.download(ann, 'usual.txt', {
        ...{ answer: 'no, thank you', pause: 400 },
      });
      const sent = new Set(record.parts.map(({ seq }) => seq)).size;
      if (sent > (record.sentBeforePause ?? sent)) {
        bench.fail({
          wrong: 'parts come after the download was stopped',
          ...{ expected: `${record.sentBeforePause} parts`, got: `${sent}` },
          frames: record.parts.slice(-3).map(({ frame }) => frame),
        });
      }
      if (/stop/i.test(record.lastWords)) return;
      bench.blame({
        wrong: 'nobody says that the download is stopped',
        ...{ expected: 'download stopped', got: record.lastWords || 'nothing', share: 0.5 },
      });
    },
  },
  {
    ...{ name: 'after-stop', family: 'pausing', points: 1 },
    needs: 'download-whole',
    line: '"If you write anything else, the download will stop": and nothing but the download.',
    hint: 'Stop a download at 50 %, and ask for the list of users and for another file.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      // One that does not pause loses the points of `pause`.
      if (bench.readings.pauseAt === undefined) return;
      await bench.download(ann, 'usual.txt', { answer: 'no, thank you' });
      const users = await usersSeenBy(bench, ann);
      if (!lists(users, ann.name)) {
        bench.fail({
          wrong: 'who has stopped a download is not online any more',
          ...{ expected: `${ann.name} in the list of users`, got: users },
        });
      }
      expectAllParts(bench, await bench.download(ann, 'binary.bin'));
    },
  },
];
