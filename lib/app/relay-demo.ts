import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { Actor } from './actor.ts';
import { UserError } from './exit-status.ts';
import { newCommand } from './flags.ts';
import { packagedFiles } from './package-files.ts';

/** The demo ends by then, one way or the other. */
const TIME_LIMIT_MS = 20_000;
const PICTURE = 'picture.png';
const READERS = ['bob', 'carol'] as const;

/** `wirelab demo relay`: a file for two, one says no, without questions. */
export function relayDemoCommand(): Command {
  return newCommand('relay')
    .description('Show a relay: one offers a file to three, two take it, one does not.')
    .action(demo);
}

async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'wirelab-demo-'));
  const actors: Actor[] = [];
  try {
    await play(folder, actors);
    say('demo', 'everything was as it must be');
  } catch (error) {
    throw new UserError(`the demo failed: ${error instanceof Error ? error.message : error}`);
  } finally {
    for (const actor of actors) actor.kill();
    await Promise.allSettled(actors.map((actor) => actor.ended));
    await rm(folder, { recursive: true, force: true });
  }
}

async function play(folder: string, actors: Actor[]): Promise<void> {
  const signal = AbortSignal.timeout(TIME_LIMIT_MS);
  const act = (name: string, ...args: readonly string[]): Actor => {
    const actor = new Actor({ name, args: ['relay', ...args], onLine: say, signal });
    actors.push(actor);
    return actor;
  };
  const free = ['--command-port', '0', '--notif-port', '0'];
  const server = act(
    'server',
    'serve',
    '--host',
    '127.0.0.1',
    '--store',
    join(folder, 's'),
    ...free,
  );
  const ports = await server.expect(/listening on TCP ports (\d+) .* and (\d+)/);
  const route = ['--command-port', ports[1] ?? '', '--notif-port', ports[2] ?? ''];
  const who = async (name: string): Promise<string[]> => {
    const file = join(folder, `key-of-${name}`);
    await writeFile(file, `secret-of-${name}`);
    return [...route, '--name', name, '--key-file', file];
  };
  const readers = await Promise.all(
    READERS.map(async (name) => {
      const to = join(folder, name);
      await mkdir(to);
      const how = ['--accept', 'all', '--to', to, '--once'];
      return { to, actor: act(name, 'receive', ...how, ...(await who(name))) };
    }),
  );
  const dave = act('dave', 'receive', '--accept', 'none', ...(await who('dave')));
  for (const actor of [...readers.map((reader) => reader.actor), dave]) {
    await actor.expect(/ is there\.$/);
  }
  const picture = join(packagedFiles(), PICTURE);
  const alice = act('alice', 'send', picture, ...READERS, 'dave', ...(await who('alice')));
  await alice.expect(/^The server has all of /);
  for (const { actor } of readers) {
    if ((await actor.ended) !== 0) throw new Error(`${actor.name} did not receive it`);
  }
  await server.expect(/is over: everybody has read it/);
  await compare(picture, readers);
  await dave.stop();
  await server.stop();
}

async function compare(
  picture: string,
  readers: readonly { readonly to: string; readonly actor: Actor }[],
): Promise<void> {
  const sent = await sha256(picture);
  say('demo', `SHA-256 of the file at alice: ${sent}`);
  for (const { to, actor } of readers) {
    const received = await sha256(join(to, PICTURE));
    say('demo', `SHA-256 of the file at ${`${actor.name}:`.padEnd(6)} ${received}`);
    if (received !== sent) throw new Error('the files differ');
  }
}

function say(who: string, what: string): void {
  process.stdout.write(`${who.padEnd(6)} | ${what}\n`);
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
