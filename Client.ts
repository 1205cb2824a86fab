/** The classroom client: `npx tsx Client.ts`, while `npx tsx Server.ts` runs somewhere. */
import { chatCommand } from './lib/app/chat.ts';
import { runProgram } from './lib/app/run-program.ts';

await runProgram(chatCommand('Client.ts'));
