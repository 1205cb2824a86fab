import type { ServerCheck } from '../server-bench.ts';
import { ANYTHING, expectDatagrams, NOTHING_FOR } from './common.ts';

/** Sockets of downloads that are over, at most. */
const FEW = 3;

const DOWNLOADS = 8;
/** Of those that do not come to their end: each takes its time, and all of them stay open at worst. */
const VAIN_DOWNLOADS = FEW + 2;

export const LEAVING: readonly ServerCheck[] = [
  {
    ...{ name: 'closes-sockets', family: 'leaving', points: 2, limit: 30 },
    needs: 'download-begun',
    line: 'Good practice: what a download or a client has opened is closed when it is over.',
    hint: 'Look at `ls /proc/PID/fd` (Linux) before and after some downloads.',
    run: async (bench) => {
      const first = await bench.login('ann');
      expectDatagrams(bench, await bench.download(first, 'usual.txt'));
      first.close();
      await bench.wait(300);
      const before = bench.program.openFiles();
      if (before === undefined) {
        bench.did('this system does not tell what a program has open: nothing is blamed');
        return;
      }
      const isWorking = bench.readings.reaches === 'download-whole';
      const downloads = isWorking ? DOWNLOADS : VAIN_DOWNLOADS;
      for (let times = 0; times < downloads; times += 1) {
        const ann = await bench.login('ann');
        await bench.download(ann, 'usual.txt');
        ann.close();
      }
      let after = before;
      for (let tries = 0; tries < 10; tries += 1) {
        after = bench.program.openFiles() ?? before;
        if (after - before <= FEW) return;
        await bench.wait(200);
      }
      bench.fail({
        wrong: 'sockets or files stay open',
        expected: `about ${before} open after ${downloads} more downloads`,
        got: `${after}`,
      });
    },
  },
  {
    ...{ name: 'ends', family: 'leaving', points: 1 },
    needs: 'started',
    line: 'Good practice: Ctrl-C ends the server.',
    hint: 'Press Ctrl-C while a client is connected: the program ends within some seconds.',
    run: async (bench) => {
      const ann = await bench.connect();
      await ann.say(`connect|${ann.name}`);
      await ann.hears(ANYTHING, NOTHING_FOR);
      if (!(await bench.program.interrupt(4000))) {
        bench.fail({ wrong: 'Ctrl-C does not end it', expected: 'it ends', got: 'it runs on' });
      }
    },
  },
];
