#!/usr/bin/env node
/** `wirelab`: all programs of the project under one name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Command } from 'commander';
import { newCommand } from './app/flags.ts';
import { packageFolder } from './app/package-files.ts';
import { runProgram } from './app/run-program.ts';

/** Each is loaded when it is used: a short download should not wait for the parts of a server. */
const COMMANDS: ReadonlyMap<string, () => Promise<Command>> = new Map([
  ['serve', async () => (await import('./app/serve.ts')).serveCommand('serve')],
  ['chat', async () => (await import('./app/chat.ts')).chatCommand('chat')],
  ['get', async () => (await import('./app/get.ts')).getCommand()],
  ['isend', async () => (await import('./app/isend.ts')).isendCommand()],
  ['relay', async () => (await import('./app/relay.ts')).relayCommand()],
  ['sent', async () => (await import('./app/sent.ts')).sentCommand()],
  ['lanshare', async () => (await import('./app/lanshare.ts')).lanshareCommand()],
  ['extract', async () => (await import('./app/extract.ts')).extractCommand()],
  ['chart', async () => (await import('./app/chart.ts')).chartCommand()],
  ['link', async () => (await import('./app/link.ts')).linkCommand()],
  ['check', async () => (await import('./app/check.ts')).checkCommand()],
  ['demo', async () => (await import('./app/demo.ts')).demoCommand()],
]);

const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as {
  version: string;
};

const program = newCommand('wirelab')
  .description('File-transfer protocols that one can run, watch on the wire, and grade.')
  .version(version)
  // What stands behind a subcommand is for that one.
  .enablePositionalOptions();
const wanted = COMMANDS.get(process.argv[2] ?? '');
for (const load of wanted === undefined ? COMMANDS.values() : [wanted]) {
  program.addCommand(await load());
}
await runProgram(program);
