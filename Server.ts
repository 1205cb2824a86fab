/** The classroom server: `npx tsx Server.ts`, then `npx tsx Client.ts` in another terminal. */
import { runProgram } from './lib/app/run-program.ts';
import { serveCommand } from './lib/app/serve.ts';

await runProgram(serveCommand('Server.ts'));
