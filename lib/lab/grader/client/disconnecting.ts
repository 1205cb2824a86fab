import type { ClientCheck } from '../client-bench.ts';

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
      if (await ann.reconnects()) return;
      bench.fail({
        wrong: 'after disconnect the client does not connect again',
        ...{ expected: 'the three questions, and a new connection', got: ann.lastShown },
      });
    },
  },
  {
    ...{ name: 'server-goes-away', family: 'disconnecting', points: 2 },
    line: '"if the tcp connection with the server stopped ... the client will simply go back to step 3".',
    hint: 'Kill the server while the client is online: it asks for the addresses again.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      ann.hangUp();
      if (await ann.reconnects()) return;
      bench.fail({
        wrong: 'after the server went away the client does not connect again',
        ...{ expected: 'the three questions, and a new connection', got: ann.lastShown },
      });
    },
  },
];
