import { once } from 'node:events';
import { createConnection } from 'node:net';
import type { Program } from '../../app/programs.ts';
import { end, numberedParts, Play, type Recipe } from './play.ts';

const FILE = 'story.txt';
const PARTS = 10;

export const RELAY: readonly Recipe[] = [
  {
    samples: [{ name: 'relay', shows: 'a file for three, of whom two want it, at the server' }],
    make: (at) => relay('127.0.0.1', ['bob', 'carol'], at('relay')),
  },
  {
    samples: [{ name: 'relay-ipv6', shows: 'a file for one over IPv6, at the server' }],
    make: (at) => relay('::1', ['bob'], at('relay-ipv6')),
  },
];

async function relay(host: string, readers: readonly string[], file: string): Promise<void> {
  await using play = await Play.begin({ [FILE]: numberedParts(PARTS) });
  const server = play.start('relay', 'serve', '--host', host, '--capture', file);
  await server.waitFor(/listening on TCP ports (\d+) .* and (\d+)/);
  const client = async (command: string, name: string, ...args: readonly string[]) => {
    await play.write(`key-${name}`, `secret-of-${name}`);
    const who = ['--server', host, '--name', name, '--key-file', `key-${name}`];
    return play.start('relay', command, ...args, ...who);
  };
  const programs: Program[] = [];
  for (const name of readers) {
    const reader = await client('receive', name, '--accept', 'all', '--to', `of-${name}`, '--once');
    await reader.waitFor(/ is there\.$/m);
    programs.push(reader);
  }
  const asked = [...readers];
  if (readers.length > 1) {
    const dave = await client('receive', 'dave', '--accept', 'none');
    await dave.waitFor(/ is there\.$/m);
    asked.push('dave');
    await (await client('list', 'alice')).exit;
    await intrude(host);
  }
  await (await client('send', 'alice', FILE, ...asked)).exit;
  for (const program of programs) await program.exit;
  await server.waitFor(/is over: everybody has read it/);
  await end(server);
}

/** A wrong key, and something that is no line of the protocol. */
async function intrude(host: string): Promise<void> {
  for (const line of ['bob a-guess', 'hello?']) {
    const socket = createConnection({ host, port: 1100 });
    await once(socket, 'data');
    socket.write(`${line}\r\n`);
    socket.resume();
    await once(socket, 'close');
  }
}
