#!/usr/bin/env node
/** `wirelab`: all programs of the project under one name. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chatCommand } from './app/chat.ts';
import { demoCommand } from './app/demo.ts';
import { newCommand, runProgram } from './app/flags.ts';
import { getCommand } from './app/get.ts';
import { packageFolder } from './app/package-files.ts';
import { serveCommand } from './app/serve.ts';

const { version } = JSON.parse(readFileSync(join(packageFolder(), 'package.json'), 'utf8')) as {
  version: string;
};

await runProgram(
  newCommand('wirelab')
    .description('File-transfer protocols that one can run, watch on the wire, and grade.')
    .version(version)
    .addCommand(serveCommand('serve'))
    .addCommand(chatCommand('chat'))
    .addCommand(getCommand())
    .addCommand(demoCommand()),
);
