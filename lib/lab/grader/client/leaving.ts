import type { ClientBench, ClientCheck, ClientSession } from '../client-bench.ts';
import { expectPort } from './common.ts';

export const LEAVING: readonly ClientCheck[] = [
  {
    ...{ name: 'closes-sockets', family: 'leaving', points: 2, limit: 30 },
    needs: 'download-begun',
    line: 'Good practice: the UDP socket of a download is closed when it is over.',
    hint: 'Look at `ls /proc/PID/fd` (Linux) before and after some downloads.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await downloadOnce(bench, ann);
      const before = ann.openFiles();
      if (before === undefined) {
        bench.did('this system does not tell what a program has open: nothing is blamed');
        return;
      }
      for (let times = 0; times < 4; times += 1) {
        await downloadOnce(bench, ann);
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

/** One that has a socket to close. */
async function downloadOnce(bench: ClientBench, session: ClientSession): Promise<void> {
  expectPort(bench, await session.download('one-byte.bin'));
  await session.untilPrompt(300);
}
