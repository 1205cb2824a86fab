import type { ServerCheck } from '../server-bench.ts';

export const STARTING: readonly ServerCheck[] = [
  {
    ...{ name: 'starts', family: 'starting', points: 2 },
    needs: 'nothing',
    line: '"The server starts simply by running the program. No extra action is needed."',
    hint: 'Run it as the grader does, without arguments, in a folder with a folder "files", and try to connect to port 55000.',
    run: async (bench) => {
      const [first] = bench.ports;
      if (await bench.tryConnect(first, 5000)) return;
      bench.fail({
        wrong: 'nobody listens',
        expected: `a connection to port ${first}`,
        got: 'none',
      });
    },
  },
  {
    ...{ name: 'all-ports', family: 'starting', points: 3, limit: 30 },
    line: '"The server creates tcp socket for every port in range (55000 - 55015)", and listens on each.',
    hint: 'After the start, `ss -tln` should show all sixteen ports; then connect a client to each.',
    run: async (bench) => {
      const closed: number[] = [];
      const silent: number[] = [];
      // Nobody leaves meanwhile: what a server does then is the matter of other checks.
      for (const port of bench.ports) {
        const talker = await bench.tryConnect(port, 1500);
        await talker?.say(`connect|${talker.name}`);
        if (talker === undefined) closed.push(port);
        else if ((await talker.hears(/connected/i, 1500)) === undefined) silent.push(port);
      }
      const wrong = closed.length + silent.length;
      if (wrong === 0) return;
      const got = [
        ...(closed.length === 0 ? [] : [`nobody listens on ${closed.join(', ')}`]),
        ...(silent.length === 0 ? [] : [`no answer to connect on ${silent.join(', ')}`]),
      ];
      bench.blame({
        wrong: 'not all ports are served',
        expected: 'a client can be connected on each port',
        ...{ got: got.join('; '), share: wrong >= 8 ? 1 : 0.5 },
      });
    },
  },
];
