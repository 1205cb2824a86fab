import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { chatCommand } from '../../lib/app/chat.ts';
import { demoCommand } from '../../lib/app/demo.ts';
import { parseRate } from '../../lib/app/flags.ts';
import { getCommand } from '../../lib/app/get.ts';
import { serveCommand } from '../../lib/app/serve.ts';
import { TemporaryFolder } from './folders.ts';
import { CLIENT, REPOSITORY, run, SERVER, WIRELAB } from './programs.ts';

const COMMANDS: Readonly<Record<string, () => Command>> = {
  serve: () => serveCommand('serve'),
  chat: () => chatCommand('chat'),
  get: getCommand,
  demo: demoCommand,
};

/** A command, its arguments, and what the line must say: what was wrong, what would be right. */
type Mistake = readonly [keyof typeof COMMANDS, readonly string[], readonly RegExp[]];

const RANGE_OR_LIST = /range or a list of numbers from 1 to 65535, for example 55000-55015/;
const HOST = /Give an IP address or a host name, for example 127\.0\.0\.1/;
const PORT = /Give a number from 1 to 65535/;
const RATE = /Give bytes a second, at least 1K, for example 500K or 20M/;

const MISTAKES: readonly Mistake[] = [
  ['serve', ['--ports', 'many'], [/'many'/, RANGE_OR_LIST]],
  ['serve', ['--ports', '55000-55002-55004'], [RANGE_OR_LIST]],
  ['serve', ['--ports', '55005-55000'], [RANGE_OR_LIST]],
  ['serve', ['--ports', '55000,70000'], [/'55000,70000'/, RANGE_OR_LIST]],
  ['serve', ['--ports', '-1'], [RANGE_OR_LIST]],
  ['serve', ['--ports', '1-65535'], [/At most 1000 ports/]],
  ['serve', ['--ports'], [/--ports <ports>.* argument missing/]],
  ['serve', ['--host', '300.1.1.1'], [/'300\.1\.1\.1'/, HOST]],
  ['serve', ['--host', 'two words'], [/'two words'/, HOST]],
  ['serve', ['--dialect', 'latin'], [/'latin'/, /Allowed choices are document, original/]],
  ['serve', ['--rate', 'fast'], [/'fast'/, RATE]],
  ['serve', ['--rate', '999'], [/'999'/, RATE]],
  ['serve', ['--rate', '-5M'], [RATE]],
  ['serve', ['--files'], [/--files <dir>.* argument missing/]],
  ['serve', ['--no-such-flag'], [/unknown option '--no-such-flag'/, /--help/]],
  ['serve', ['55000'], [/too many arguments/, /--help/]],
  ['chat', ['--from', '10.1'], [/'10\.1'/, /no IP address\. This machine has: .*127\.0\.0\.1/]],
  ['chat', ['--from', '203.0.113.9'], [/does not have that address\. It has: .*127\.0\.0\.1/]],
  ['chat', ['--server', 'two words'], [/'two words'/, HOST]],
  ['chat', ['--server', ''], [HOST]],
  ['chat', ['--port', '0'], [/'0'/, PORT]],
  ['chat', ['--port', '65536'], [/'65536'/, PORT]],
  ['chat', ['--port', '55000x'], [/'55000x'/, PORT]],
  ['chat', ['--name', 'a|b'], [/'a\|b'/, /1 to 64 bytes/]],
  ['chat', ['--prot', '55000'], [/unknown option '--prot'.*--port/]],
  ['get', [], [/missing required argument 'file'/]],
  ['get', ['a', 'b'], [/too many arguments/]],
  ['get', ['a', '--port', 'x'], [/'x'/, PORT]],
  ['get', ['a', '--server', '1.2.3'], [/'1\.2\.3'/, HOST]],
  ['get', ['a', '--name', 'a|b'], [/'a\|b'/, /1 to 64 bytes/]],
  ['demo', ['--slow'], [/unknown option '--slow'/]],
];

/** What a command says about its arguments; it is not carried out. */
async function parse(name: string, args: readonly string[]): Promise<string> {
  let said = '';
  const command = COMMANDS[name]?.()
    .configureOutput({
      writeErr: (text) => {
        said += text;
      },
    })
    .action(() => undefined);
  try {
    await command?.parseAsync([...args], { from: 'user' });
  } catch (error) {
    // Commander says so by throwing; its words are what counts.
    expect(error).toMatchObject({ exitCode: 1 });
  }
  return said;
}

describe.concurrent('a mistake in the flags', () => {
  it.each(MISTAKES)('of %s, like %j, is told in one line', async (name, args, says) => {
    const said = await parse(name, args);
    for (const part of says) expect(said).toMatch(part);
    expect(said).toMatch(/^error: [^\n]*\n$/);
  });

  it.each([
    ['Server.ts', SERVER, ['--ports', 'many'], /'many'/],
    ['Client.ts', CLIENT, ['--port', '0'], /'0'/],
    ['wirelab get', WIRELAB, ['get', 'a', '--port', 'x'], /'x'/],
    ['wirelab', WIRELAB, ['sreve'], /unknown command 'sreve'.*serve/],
  ] as const)('ends %s with status 2', async (_, program, args, says) => {
    const { status, stdout, stderr } = await run(program, args);
    expect(stderr).toMatch(says);
    // One line, and no stack trace.
    expect(stderr).toMatch(/^error: [^\n]*\n$/);
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
  });

  it('can be a folder for downloads that is a file', async () => {
    await using folder = await TemporaryFolder.create({ 'a-file': '' });
    expect(await parse('chat', ['--to', join(folder.path, 'a-file')])).toMatch(
      /^error: [^\n]*a-file[^\n]*\n$/,
    );
  });
});

describe('a rate', () => {
  it.each([
    ['20M', 20_000_000],
    ['4.1M', 4_100_000],
    ['16.1K', 16_100],
    ['1k', 1000],
    ['12345.6', 12_346],
    ['0.5g', 500_000_000],
  ])('%s is %i bytes a second, a whole number', (text, rate) => {
    expect(parseRate(text)).toBe(rate);
  });
});

const CLIENT_FLAGS = '--from --server --port --name --to --yes --bare --document';
const SERVER_FLAGS = '--host --ports --files --dialect --rate --quiet';

describe.concurrent('--help', () => {
  it.each([
    ['Server.ts', SERVER, [], SERVER_FLAGS],
    ['Client.ts', CLIENT, [], CLIENT_FLAGS],
    ['wirelab', WIRELAB, [], 'serve chat get demo --version'],
    [
      'wirelab get',
      WIRELAB,
      ['get'],
      '<file> --server --port --name --out --yes --bare --document',
    ],
  ] as const)('of %s names everything there is', async (_, program, args, wanted) => {
    const { status, stdout, stderr } = await run(program, [...args, '--help']);
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: /);
    for (const word of wanted.split(' ')) expect(stdout).toContain(word);
  });

  it('of the client lists the commands of a session', async () => {
    const { stdout } = await run(CLIENT, ['--help']);
    for (const command of ['connect', 'disconnect', 'get_users', 'get_list_file', 'download']) {
      expect(stdout).toMatch(new RegExp(`^ +${command} +\\S`, 'm'));
    }
  });
});

describe('--version', () => {
  it('is that of the package', async () => {
    const manifest: unknown = JSON.parse(await readFile(join(REPOSITORY, 'package.json'), 'utf8'));
    const { status, stdout } = await run(WIRELAB, ['--version']);
    expect(status).toBe(0);
    expect(manifest).toMatchObject({ version: stdout.trim() });
  });
});
