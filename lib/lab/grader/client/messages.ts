import type { ClientCheck } from '../client-bench.ts';
import { NOTHING_FOR } from './common.ts';

export const MESSAGES: readonly ClientCheck[] = [
  {
    ...{ name: 'message-to-all', family: 'messages', points: 2 },
    line: '"(leave blank if this is a message to all the users) ... the server will receive: msg_all|<message_data>"',
    hint: 'Type a message, and nothing for the target.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.type('good morning, world');
      await ann.untilPrompt();
      await ann.type('');
      if (await ann.hears(/msg_all\|good morning, world/)) return;
      bench.fail({
        wrong: 'the message does not come',
        ...{ expected: 'msg_all|good morning, world', got: ann.unread || 'nothing' },
      });
    },
  },
  {
    ...{ name: 'message-like-command', family: 'messages', points: 1 },
    line: '"In case your input did not match any of the option above, the program will take it as a message."',
    hint: 'Type a message that begins with the word of a command, and nothing for the target.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const words = 'downloads are slow today';
      await ann.type(words);
      await ann.untilPrompt();
      await ann.type('');
      if (await ann.hears(/msg_all\|/)) return;
      bench.fail({
        wrong: 'a message that begins like a command is none',
        ...{ expected: `msg_all|${words}`, got: ann.unread || 'nothing' },
      });
    },
  },
  {
    ...{ name: 'message-to-one', family: 'messages', points: 2 },
    line: '"Otherwise the server will receive: msg|<message_data>|<target_name>".',
    hint: 'Type a message, and a name for the target.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.type('only for you');
      await ann.untilPrompt();
      await ann.type('zoe');
      if (await ann.hears(/msg\|only for you\|zoe|msg\|zoe\|only for you/)) return;
      bench.fail({
        wrong: 'the message does not come',
        ...{ expected: 'msg|only for you|zoe', got: ann.unread || 'nothing' },
      });
    },
  },
  {
    ...{ name: 'shows-messages', family: 'messages', points: 2 },
    line: '"the program will create new thread ... with the purpose of receive messages from the server and handle them (print them ...)".',
    hint: 'Let the server send a message while the client waits for a command: it is printed at once.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.tell('zoe: are you there?');
      if (await ann.shows(/zoe: are you there\?/, 2 * NOTHING_FOR)) return;
      bench.fail({
        wrong: 'a message is not shown while the client waits for a command',
        ...{ expected: 'zoe: are you there?', got: ann.screen },
      });
    },
  },
];
