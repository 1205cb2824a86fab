import { millis } from '../../../core/brands.ts';
import { counted } from '../../../core/text.ts';
import { LOSSES, type Loss } from '../losses.ts';
import type { ServerCheck } from '../server-bench.ts';
import { expectAllParts, expectSameAgain, NOTHING_FOR, shortList } from './common.ts';

/** A path on which parts get lost. */
function lossCheck({ scenario, words, points, seed }: Loss): ServerCheck {
  return {
    ...{ name: `lost-${scenario}`, family: 'resending', points, scenario, seed },
    needs: 'download-whole',
    line: `"send to the server via tcp all the packets numbers that need to be resend" - here ${words}.`,
    hint: 'Repeat it with `wirelab link` between your server and a client, and look for the part that is never sent again.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const record = await bench.download(ann, 'usual.txt', { fateOf: bench.fateOf });
      expectAllParts(bench, record);
      expectSameAgain(bench, record);
    },
  };
}

export const RESENDING: readonly ServerCheck[] = [
  ...LOSSES.map(lossCheck),
  {
    ...{ name: 'resends-what-was-asked', family: 'resending', points: 3 },
    needs: 'download-whole',
    ...{ scenario: 'every-third', seed: 42 },
    line: 'Selective repeat: the server sends again "all the packets numbers that need to be resend", and no others.',
    hint: 'Count the datagrams of each part in the capture: once, and once more for each time it was asked for.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const plan = { fateOf: bench.fateOf, linger: 400 };
      const record = await bench.download(ann, 'usual.txt', plan);
      const unasked = record.parts.filter(({ seq, nth }) => nth > 1 + (record.asked.get(seq) ?? 0));
      if (record.asked.size === 0) {
        bench.fail({ wrong: 'no download to look at', expected: 'parts', got: 'none' });
      }
      if (unasked.length === 0) return;
      const seqs = [...new Set(unasked.map(({ seq }) => seq))];
      bench.fail({
        wrong: `parts were sent again that nobody has asked for (${counted(unasked.length, 'datagram')})`,
        expected: `each part once, and once more for each time it was asked for`,
        got: `more often: ${shortList(seqs)}`,
        frames: unasked.slice(0, 5).map(({ frame }) => frame),
      });
    },
  },
  {
    ...{ name: 'answers-all-numbers', family: 'resending', points: 2 },
    needs: 'download-whole',
    line: '"send to the server via tcp all the packets numbers that need to be resend": each of them.',
    hint: 'Ask for forty parts in one message, at the pause of a file of 300: all of them have to come.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      // Before any pause; more than a short buffer takes, and less than a long one.
      const wanted = Array.from({ length: 40 }, (_, at) => at + 1);
      let before = 0;
      let after = 0;
      const pauses = bench.readings.pauseAt !== undefined;
      const record = await bench.download(ann, 'many.txt', {
        inPause: async (download) => {
          before = download.record.parts.length;
          await download.ask(wanted);
          await download.untilQuiet(400);
          after = download.record.parts.length;
        },
        // Where there is no pause, they are asked for as they are lost.
        ...(!pauses && {
          fateOf: (seq, nth) => (nth === 1 && wanted.includes(seq) ? [] : [{ delay: millis(0) }]),
        }),
      });
      const came = new Set(record.parts.slice(before, after).map(({ seq }) => seq));
      const silent = wanted.filter((seq) =>
        pauses ? !came.has(seq) : record.missing.includes(seq) || (record.asked.get(seq) ?? 0) > 1,
      );
      if (silent.length === 0) return;
      bench.fail({
        wrong: 'not all numbers of a re-request are answered',
        expected: `parts ${shortList(wanted)}`,
        got: `all but ${shortList(silent)}`,
      });
    },
  },
  {
    ...{ name: 'resends-in-pause', family: 'resending', points: 1 },
    needs: 'download-whole',
    line: 'What was lost of the first half can be asked for while the server waits at 50 %.',
    hint: 'Ask for part 0 again while the server pauses: it comes, and no other.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      // One that pauses late or never loses the points of `pause`.
      if (bench.readings.pauseAt === undefined) return;
      let before = 0;
      const record = await bench.download(ann, 'usual.txt', {
        inPause: async (download) => {
          // Some pause a part later.
          await download.untilQuiet(300);
          before = download.record.parts.length;
          await download.ask([0]);
          await download.untilQuiet(NOTHING_FOR);
        },
      });
      const answered = record.parts.slice(before).filter(({ afterProceed }) => !afterProceed);
      const further = answered.filter(({ nth }) => nth === 1);
      if (further.length > 0) {
        bench.fail({
          wrong: 'the server goes on without an answer when a part is asked for again',
          ...{ expected: 'part 0', got: shortList(further.map(({ seq }) => seq)) },
          frames: further.slice(0, 3).map(({ frame }) => frame),
        });
      }
      if (answered.some(({ seq }) => seq === 0)) return;
      bench.fail({
        wrong: 'a part of the first half is not sent again during the pause',
        ...{ expected: 'part 0', got: shortList(answered.map(({ seq }) => seq)) || 'nothing' },
      });
    },
  },
];
