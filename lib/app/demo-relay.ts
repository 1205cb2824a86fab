import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Actor } from './actor.ts';
import { Stage, sha256 } from './demo-stage.ts';
import { packagedFiles } from './package-files.ts';

/** Six programs start. */
const TIME_LIMIT_MS = 20_000;
const PICTURE = 'picture.png';
const READERS = ['bob', 'carol'] as const;

/** A file for three: two take it, one says no. @param extra flags for alice */
export function demoRelay(extra: readonly string[]): Promise<void> {
  return Stage.run(play, { limit: TIME_LIMIT_MS, extra: ['alice', extra] });
}

async function play(stage: Stage): Promise<void> {
  const { folder } = stage;
  const act = (name: string, ...args: readonly string[]): Actor =>
    stage.act(name, ['relay', ...args]);
  const free = ['--command-port', '0', '--notif-port', '0'];
  const store = ['--host', '127.0.0.1', '--store', join(folder, 's')];
  const server = act('server', 'serve', ...store, ...free);
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
  await compare(stage, picture, readers);
  await dave.stop();
  await server.stop();
}

async function compare(
  stage: Stage,
  picture: string,
  readers: readonly { readonly to: string; readonly actor: Actor }[],
): Promise<void> {
  const sent = await sha256(picture);
  stage.say(`SHA-256 of the file at alice: ${sent}`);
  for (const { to, actor } of readers) {
    const received = await sha256(join(to, PICTURE));
    stage.say(`SHA-256 of the file at ${`${actor.name}:`.padEnd(6)} ${received}`);
    if (received !== sent) throw new Error('the files differ');
  }
}
