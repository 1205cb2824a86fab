import { counted } from '../../../core/text.ts';
import type { ClientBench, ClientCheck, ServingRecord } from '../client-bench.ts';
import { LOSSES, type Loss } from '../losses.ts';
import { isGrowing } from './timer-growth.ts';

function lossCheck({ scenario, words, points, seed }: Loss): ClientCheck {
  return {
    ...{ name: `lost-${scenario}`, family: 're-requesting', points, scenario, seed },
    needs: 'download-begun',
    line: `"send to the server via tcp all the packets numbers that need to be resend" - here ${words}.`,
    hint: 'Repeat it with `wirelab link` between a server and your client, and look for the part that is never asked for.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const record = await ann.download('usual.txt', { fateOf: bench.fateOf });
      const { delivered, isFruitless, reRequests, others } = record;
      const last = reRequests.at(-1);
      if (isFruitless && last?.lost.length === 0) {
        bench.fail({
          wrong: 'what is sent again does not reach the client: it is asked for again and again',
          expected: 'the download goes on',
          got: last.seqs.join(' '),
          frames: reRequests.slice(-3).map(({ frame }) => frame),
        });
      }
      if (delivered) {
        expectRecovered(bench, record);
        return;
      }
      const [other] = others;
      bench.fail({
        wrong: 'not all that is missing is asked for',
        expected: 're-requests until all parts are there',
        got: `${counted(reRequests.length, 're-request')}, and parts are missing${
          other === undefined ? '' : `; a message that is not understood: ${other.slice(0, 80)}`
        }`,
        frames: reRequests.slice(-3).map(({ frame }) => frame),
      });
    },
  };
}

/** Blames a file that is not as without losses, though all that was lost has come. */
function expectRecovered(bench: ClientBench, record: ServingRecord): void {
  const { saved } = bench.readings;
  if (saved === undefined || record.saved?.equals(saved)) return;
  // What comes twice may harm as well: that costs the points of `duplicates`.
  if (record.saved !== undefined && record.isDoubled) return;
  bench.fail({
    wrong: 'the file is not whole, though all that was lost was sent again',
    expected: `${saved.length} bytes, as when nothing is lost`,
    got: record.saved === undefined ? 'no file' : `${record.saved.length} bytes, and others`,
    frames: record.reRequests.slice(-3).map(({ frame }) => frame),
  });
}

/** Timers may be late on a busy machine, but never early. */
const EARLY = 0.85;

const LATE = 1.6;
/** A client may look at its clock now and then only. */
const SOON = 2.5;

const STEP = 100;

const ROUNDS = 5;

export const RE_REQUESTING: readonly ClientCheck[] = [
  ...LOSSES.map(lossCheck),
  {
    ...{ name: 'asks-for-what-is-missing', family: 're-requesting', points: 3 },
    needs: 'download-begun',
    ...{ scenario: 'every-third', seed: 42 },
    line: 'Selective repeat: the client asks for "all the packets numbers that need to be resend", and no others.',
    hint: 'Compare the numbers of each re-request in the capture with the parts that are missing.',
    run: async (bench: ClientBench) => {
      const ann = await bench.startOnline();
      const { reRequests } = await ann.download('usual.txt', { fateOf: bench.fateOf });
      const [first] = reRequests;
      if (first === undefined) {
        bench.fail({
          wrong: 'nothing is asked for',
          expected: 'the parts that were lost',
          got: 'nothing',
        });
      }
      // What is asked for while the user thinks costs the points of `quiet-in-pause`.
      for (const { seqs, missing, ahead, frame, inPause } of reRequests) {
        if (inPause) continue;
        // Whoever has no place for the pause asks for all that he does not have: it is a reading.
        const needless = seqs.filter((seq) => !missing.includes(seq) && !ahead.includes(seq));
        if (needless.length === 0) continue;
        bench.fail({
          wrong: 'parts are asked for that are there',
          ...{ expected: missing.join(' '), got: seqs.join(' '), frames: [frame] },
        });
      }
      const { lost, seqs, frame } = first;
      const forgotten = lost.filter((seq) => !seqs.includes(seq));
      if (forgotten.length === 0) return;
      bench.blame({
        wrong: 'not all that is missing is asked for at once',
        ...{ expected: lost.join(' '), got: seqs.join(' '), frames: [frame] },
        share: 0.5,
      });
    },
  },
  {
    ...{ name: 'timer-begins', family: 're-requesting', points: 2, scenario: 'first-datagram' },
    needs: 'download-begun',
    line: '"The client will then create udp socket with time out of 100 milliseconds".',
    hint: 'Measure the time from the last datagram to the re-request in Wireshark: about 100 ms.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const { reRequests } = await ann.download('usual.txt', { fateOf: bench.fateOf });
      const [first] = reRequests;
      if (first !== undefined && first.after >= STEP * EARLY && first.fairAfter <= SOON * STEP)
        return;
      bench.fail({
        wrong: 'the timer does not begin with 100 ms',
        expected: 'a re-request about 100 ms after the last datagram',
        got: first === undefined ? 'none' : `one after ${Math.round(first.after)} ms`,
        frames: first === undefined ? [] : [first.frame],
      });
    },
  },
  {
    ...{ name: 'timer-grows', family: 're-requesting', points: 3, scenario: 'first-datagram' },
    needs: 'download-begun',
    line: '"If the error happened, the socket would increase its timer by 100 milliseconds".',
    hint: 'Do not answer re-requests: they come after 100, 200, 300, 400 and 500 ms.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const record = await ann.download('usual.txt', { fateOf: bench.fateOf, deafFor: ROUNDS });
      const rounds = record.reRequests.filter(({ isSending }) => !isSending).slice(0, ROUNDS);
      const times = rounds.map(({ after }) => after);
      // What was asked before the last part came may have made the timer grow already, or not.
      const before = record.reRequests.filter(({ isSending }) => isSending).length;
      const isRight =
        times.length === ROUNDS &&
        isGrowing(rounds) &&
        times.every((time, round) => time >= timeOf(round) * EARLY) &&
        (rounds[ROUNDS - 1]?.fairAfter ?? 0) <= timeOf(ROUNDS - 1, before) * LATE;
      if (isRight) return;
      bench.fail({
        wrong: 'the timer does not grow by 100 ms each time',
        expected: `re-requests about ${Array.from({ length: ROUNDS }, (_, round) => timeOf(round)).join(', ')} ms after the last datagram`,
        got: times.map((time) => Math.round(time)).join(', ') || 'none',
        frames: rounds.map(({ frame }) => frame),
      });
    },
  },
];

/**
 * When a re-request comes, in milliseconds after the last part.
 * @param round from 0
 * @param before how often the timer has grown before
 */
function timeOf(round: number, before = 0): number {
  return STEP * ((round + 1) * before + ((round + 1) * (round + 2)) / 2);
}
