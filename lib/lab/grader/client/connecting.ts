import type { ClientCheck } from '../client-bench.ts';
import { NOTHING_FOR } from './common.ts';

/** Of this machine as well, where 127.0.0.0/8 is whole. */
const OTHER_ADDRESS = '127.0.0.2';
const REFUSAL = "can't connect. Name is taken. Try another";
const NAME_PATIENCE = 300;

export const CONNECTING: readonly ClientCheck[] = [
  {
    ...{ name: 'own-address', family: 'connecting', points: 1 },
    needs: 'started',
    line: '"Client program will ask for the IP address you will connect from".',
    hint: 'Answer 127.0.0.2 to the first question: the connection has to come from there (bind before connect).',
    run: async (bench) => {
      if (!(await bench.hasAddress(OTHER_ADDRESS))) {
        bench.did(`this machine has no ${OTHER_ADDRESS}: nothing is blamed`);
        return;
      }
      const { address } = await bench.start(OTHER_ADDRESS);
      if (address === OTHER_ADDRESS) return;
      bench.fail({
        wrong: 'the client does not connect from the address that it has asked for',
        ...{ expected: OTHER_ADDRESS, got: address },
      });
    },
  },
  {
    ...{ name: 'name-illegal', family: 'connecting', points: 1 },
    line: "\"(the name can't have '|' in it). If the name was legal then the client will send the message\".",
    hint: 'Type connect and then a|b: nothing may be sent.',
    run: async (bench) => {
      const ann = await bench.start();
      await ann.type('connect');
      await ann.untilPrompt();
      await ann.type('a|b');
      if ((await ann.hears(/connect\|a\|b/, NOTHING_FOR)) === undefined) return;
      bench.fail({
        wrong: "a name with '|' is sent",
        ...{ expected: 'the client refuses it', got: 'connect|a|b' },
      });
    },
  },
  {
    ...{ name: 'connect', family: 'connecting', points: 3 },
    needs: 'started',
    line: '"to connect, you will need to write the command: connect. The client will ask you after to write the name you chose".',
    hint: 'Type connect and then a name: the client sends connect|NAME.',
    run: async (bench) => {
      const ann = await bench.start();
      await ann.login();
    },
  },
  {
    ...{ name: 'shows-connected', family: 'connecting', points: 1 },
    line: '"you will receive back message of \'connected\' as sign of success"',
    hint: 'What the server answers has to be printed.',
    run: async (bench) => {
      const ann = await bench.start();
      await ann.type('connect');
      await ann.untilPrompt();
      await ann.type(ann.name);
      await ann.hears(/connect\|/);
      await ann.untilPrompt(300);
      await ann.tell('connected');
      if (await ann.shows(/connected/i)) return;
      bench.fail({
        wrong: 'the answer to connect is not shown',
        expected: 'connected',
        got: ann.screen,
      });
    },
  },
  {
    ...{ name: 'name-taken', family: 'connecting', points: 2 },
    line: '"And you will need to connect again with another name."',
    hint: 'Answer connect|NAME with "can\'t connect. Name is taken. Try another": it is shown, and connect works once more.',
    run: async (bench) => {
      const ann = await bench.start();
      await ann.type('connect');
      await ann.untilPrompt();
      await ann.type('taken');
      await ann.hears(/connect\|taken/);
      await ann.tell(REFUSAL);
      if (!(await ann.shows(/taken/i))) {
        bench.blame({
          wrong: 'the refusal is not shown',
          ...{ expected: 'Name is taken', got: ann.screen, share: 0.5 },
        });
      }
      await ann.untilPrompt(300);
      await ann.type('connect');
      // One that has asked for another name by itself takes this for it.
      if ((await ann.hears(/connect\|connect/, NAME_PATIENCE)) !== undefined) {
        await ann.tell(REFUSAL);
      }
      await ann.untilPrompt(300);
      await ann.tellName();
    },
  },
];
