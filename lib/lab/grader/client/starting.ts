import type { ClientCheck } from '../client-bench.ts';

export const STARTING: readonly ClientCheck[] = [
  {
    ...{ name: 'starts', family: 'starting', points: 3 },
    needs: 'nothing',
    line: '"Client program will ask for the IP address you will connect from, the IP address of the server ... and the destination port".',
    hint: 'Start it, answer 127.0.0.1, 127.0.0.1 and 55000: it must open a TCP connection to that port.',
    run: async (bench) => {
      await bench.start();
    },
  },
];
