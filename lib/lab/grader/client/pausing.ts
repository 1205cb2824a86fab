import { counted } from '../../../core/text.ts';
import type { ClientCheck } from '../client-bench.ts';

/** A person at the pause, in milliseconds. */
const THINKS_FOR = 2500;

export const PAUSING: readonly ClientCheck[] = [
  {
    ...{ name: 'asks-at-half', family: 'pausing', points: 3 },
    needs: 'download-begun',
    line: '"After reaching 50% download ... The client will inform you (the user) about it and ask you to provide the answer."',
    hint: 'At 50 % (20 % counts as well: the document has both) the client asks, and says nothing until it is answered.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const record = await ann.download('usual.txt', { pause: THINKS_FOR });
      if (!record.asked) {
        bench.fail({
          wrong: 'the user is not asked',
          ...{
            expected: 'a question when half of the file is there',
            got: 'nothing on the terminal',
          },
        });
      }
      if (record.answeredEarly) {
        bench.fail({
          wrong: 'the client answers for the user',
          ...{ expected: 'nothing before the user has typed', got: record.answer ?? '' },
        });
      }
      // What it does anyhow costs the points of other checks.
      const { saved } = bench.readings;
      if (saved === undefined || record.saved?.equals(saved)) return;
      bench.blame({
        wrong: 'the file does not become whole when the user takes some seconds to answer',
        expected: `${saved.length} bytes, as when he answers at once`,
        got: record.saved === undefined ? 'no file' : `${record.saved.length} bytes, and others`,
        share: 0.5,
      });
    },
  },
  {
    ...{ name: 'proceed', family: 'pausing', points: 1 },
    needs: 'download-begun',
    line: '"If you want to proceed you write \'proceed\'."',
    hint: 'Type proceed: the client sends it to the server.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const { answer } = await ann.download('usual.txt');
      if (answer === 'proceed') return;
      bench.fail({ wrong: 'proceed is not sent', expected: 'proceed', got: answer ?? 'nothing' });
    },
  },
  {
    ...{ name: 'stop-at-half', family: 'pausing', points: 2 },
    needs: 'download-begun',
    line: '"If you write anything else, the download will stop."',
    hint: 'Type no: the server hears that it is over, "download stopped" is shown, nothing is saved under a new name.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const plan = { answer: 'no, thank you', pause: 300, typesNameAnyway: true };
      const record = await ann.download('usual.txt', plan);
      if (record.answer === undefined || record.answer === 'proceed') {
        bench.fail({
          wrong: 'the server does not hear that the download is over',
          ...{ expected: 'anything but proceed', got: record.answer ?? 'nothing' },
        });
      }
      if (!/stopped/i.test(record.shown)) {
        bench.blame({
          wrong: 'the word of the server is not shown',
          ...{ expected: 'download stopped', got: record.shown.trim().slice(-200), share: 0.5 },
        });
      }
      if (record.saved === undefined) return;
      bench.blame({
        wrong: 'a file is saved that is not whole',
        ...{ expected: 'no file', got: `${record.saved.length} bytes`, share: 0.5 },
      });
    },
  },
  {
    ...{ name: 'after-stop', family: 'pausing', points: 1 },
    needs: 'download-whole',
    line: '"If you write anything else, the download will stop": and nothing but the download.',
    hint: 'Type no at 50 %, and then download another file: it is asked for, and saved.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const { asked } = await ann.download('usual.txt', { answer: 'no, thank you' });
      // Whoever does not ask cannot be stopped: that costs the points of `asks-at-half`.
      if (!asked) return;
      const { port, saved } = await ann.download('one-part.txt');
      if (port !== undefined && (saved !== undefined || bench.readings.saved === undefined)) return;
      bench.fail({
        wrong: 'after a download was stopped, no other one works',
        expected: 'one-part.txt is saved',
        got: port === undefined ? 'no UDP port is told' : 'no file',
      });
    },
  },
  {
    ...{ name: 'quiet-in-pause', family: 'pausing', points: 2 },
    needs: 'download-begun',
    line: '"the server will stop and wait to hear from the client": what it has not sent is not lost.',
    hint: 'While the user thinks at 50 %, the client must not ask for parts.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const { reRequests } = await ann.download('usual.txt', { pause: 1200 });
      const loud = reRequests.filter(({ inPause }) => inPause);
      if (loud.length === 0) return;
      bench.fail({
        wrong: `${counted(loud.length, 're-request')} while the user was asked`,
        ...{ expected: 'none', got: loud[0]?.seqs.slice(0, 8).join(' ') ?? '' },
        frames: loud.slice(0, 3).map(({ frame }) => frame),
      });
    },
  },
];
