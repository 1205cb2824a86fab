import type { ClientCheck } from '../client-bench.ts';

/** A list that is asked for and shown. */
function listCheck(command: string, answer: string, shown: RegExp): ClientCheck {
  return {
    ...{ name: command.replaceAll('_', '-'), family: 'lists', points: 1 },
    line: `"you will need to write the command: ${command}"; the list is shown.`,
    hint: `Type ${command}: the client sends it, and prints the answer.`,
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.type(command);
      if (!(await ann.hears(new RegExp(command)))) {
        bench.fail({ wrong: 'nothing is sent', expected: command, got: ann.unread || 'nothing' });
      }
      await ann.tell(answer);
      if (await ann.shows(shown)) return;
      bench.fail({ wrong: 'the answer is not shown', expected: answer, got: ann.screen });
    },
  };
}

export const LISTS: readonly ClientCheck[] = [
  listCheck('get_users', 'users: [zoe, yves]', /zoe[\s\S]*yves/),
  listCheck('get_list_file', 'files: [quartz.txt, slate.txt]', /quartz\.txt[\s\S]*slate\.txt/),
];
