import type { ClientBench, ClientCheck, ClientSession } from '../client-bench.ts';

export const DISCONNECTING: readonly ClientCheck[] = [
  {
    ...{ name: 'disconnect', family: 'disconnecting', points: 2 },
    line: '"To disconnect, you will need to write the command: disconnect."',
    hint: 'Type disconnect: the client sends disconnect.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.type('disconnect');
      if (await ann.hears(/disconnect/)) return;
      bench.fail({
        wrong: 'nothing is sent',
        expected: 'disconnect',
        got: ann.unread || 'nothing',
      });
    },
  },
  {
    ...{ name: 'disconnect-asks-again', family: 'disconnecting', points: 2 },
    line: '"The server will disconnect you from the tcp connection and you will be directed to step 3 from above."',
    hint: 'After disconnect the client asks for the addresses again, and can connect again.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.type('disconnect');
      await ann.hears(/disconnect/);
      await ann.tell('disconnected');
      ann.hangUp();
      await expectAgain(bench, ann, 'after disconnect');
    },
  },
  {
    ...{ name: 'server-goes-away', family: 'disconnecting', points: 2 },
    line: '"if the tcp connection with the server stopped ... the client will simply go back to step 3".',
    hint: 'Kill the server while the client is online: it asks for the addresses again.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      ann.hangUp();
      await expectAgain(bench, ann, 'after the server went away');
    },
  },
];

/** Blames a client that does not connect again, or that is good for nothing then. */
async function expectAgain(bench: ClientBench, ann: ClientSession, when: string): Promise<void> {
  if (!(await ann.reconnects())) {
    bench.fail({
      wrong: `${when} the client does not connect again`,
      ...{ expected: 'the three questions, and a new connection', got: ann.lastShown },
    });
  }
  // What was typed to get so far may not be read yet.
  await ann.untilQuiet();
  await ann.type('connect');
  await ann.untilPrompt();
  await ann.type(ann.name);
  if (await ann.hears(/connect\|/)) return;
  bench.blame({
    wrong: `${when} the client connects, and then says nothing by the new connection`,
    ...{ expected: `connect|${ann.name}`, got: ann.unread || 'nothing', share: 0.5 },
  });
}
