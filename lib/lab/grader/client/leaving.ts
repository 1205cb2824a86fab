import type { ClientCheck } from '../client-bench.ts';

export const LEAVING: readonly ClientCheck[] = [
  {
    ...{ name: 'closes-sockets', family: 'leaving', points: 2, limit: 30 },
    needs: 'download-begun',
    line: 'Good practice: the UDP socket of a download is closed when it is over.',
    hint: 'Look at `ls /proc/PID/fd` (Linux) before and after some downloads.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.download('one-byte.bin');
      await ann.untilPrompt(300);
      const before = ann.openFiles();
      if (before === undefined) {
        bench.did('this system does not tell what a program has open: nothing is blamed');
        return;
      }
      for (let times = 0; times < 4; times += 1) {
        await ann.download('one-byte.bin');
        await ann.untilPrompt(300);
      }
      await bench.wait(200);
      const after = ann.openFiles() ?? before;
      if (after < before + 3) return;
      bench.fail({
        wrong: 'sockets or files stay open',
        ...{ expected: `${before} open after four more downloads`, got: `${after}` },
      });
    },
  },
];
