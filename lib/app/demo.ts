import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Command } from 'commander';
import { FaultPlan } from '../lab/faults.ts';
import { LinkDriver } from '../net/link-driver.ts';
import { Actor } from './actor.ts';
import { UserError } from './exit-status.ts';
import { newCommand, parsePorts } from './flags.ts';
import { packagedFiles } from './package-files.ts';

/** The demo ends by then, one way or the other. */
const TIME_LIMIT_MS = 12_000;
const LOSS = 0.1;
const SEED = 7;
const PICTURE = 'picture.png';
const COPY = 'copy-of-picture.png';

/** `wirelab demo`: the main job, without questions. */
export function demoCommand(): Command {
  return newCommand('demo')
    .description('Show a server, two clients, messages and a download over a path with losses.')
    .action(demo);
}

async function demo(): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'wirelab-demo-'));
  const stage = new Stage(folder);
  try {
    await stage.play();
    say('demo', 'everything was as it must be');
  } catch (error) {
    throw new UserError(`the demo failed: ${error instanceof Error ? error.message : error}`);
  } finally {
    await stage.clear();
    await rm(folder, { recursive: true, force: true });
  }
}

function say(who: string, what: string): void {
  process.stdout.write(`${who.padEnd(6)} | ${what}\n`);
}

class Stage {
  readonly #folder: string;
  readonly #signal = AbortSignal.timeout(TIME_LIMIT_MS);
  readonly #actors: Actor[] = [];
  #link: LinkDriver | undefined;
  #lost = 0;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async play(): Promise<void> {
    const { server, ports } = await this.#startServer();
    const [port, otherPort = port] = ports;
    this.#link = await this.#startLink(port);
    say(
      'demo',
      `alice connects through a path that loses ${LOSS * 100} % of the datagrams, bob directly`,
    );
    const alice = await this.#startClient('alice', this.#link.port);
    const bob = await this.#startClient('bob', otherPort);
    await this.#talk(alice, bob);
    await this.#download(alice);
    await this.#compare();
    for (const client of [bob, alice]) {
      client.type('disconnect');
      await client.expect(/^disconnected$/);
    }
    await server.stop();
  }

  async clear(): Promise<void> {
    for (const actor of this.#actors) actor.kill();
    await Promise.allSettled(this.#actors.map((actor) => actor.ended));
    await this.#link?.[Symbol.asyncDispose]();
  }

  #act(name: string, args: readonly string[]): Actor {
    const actor = new Actor({ name, args, onLine: say, signal: this.#signal });
    this.#actors.push(actor);
    return actor;
  }

  /** On the real ports; on free ones when all of those are taken. */
  async #startServer(): Promise<{ server: Actor; ports: readonly [number, ...number[]] }> {
    const files = ['--host', '127.0.0.1', '--files', packagedFiles()];
    for (const ports of [[], ['--ports', '0,0']]) {
      const server = this.#act('server', ['serve', ...files, ...ports]);
      try {
        const listening = await server.expect(/listening on TCP ports (.*)/);
        const [first, ...others] = parsePorts(listening[1] ?? '');
        if (first !== undefined) return { server, ports: [first, ...others] };
      } catch (error) {
        if (this.#signal.aborted) throw error;
        say('demo', 'the ports 55000-55015 are taken: free ones are used');
      }
    }
    throw new Error('the server does not start');
  }

  #startLink(serverPort: number): Promise<LinkDriver> {
    const plan = new FaultPlan({ loss: LOSS }, SEED);
    return LinkDriver.start({
      serverPort,
      fateOf: (seq, nth) => plan.fateOf(seq, nth),
      onDropped: (seq, nth) => {
        this.#lost += 1;
        say('path', `part ${seq} is lost${nth > 1 ? ` (sending ${nth})` : ''}`);
      },
    });
  }

  async #startClient(name: string, port: number): Promise<Actor> {
    const route = ['--from', '127.0.0.1', '--server', '127.0.0.1', '--port', String(port)];
    const client = this.#act(name, ['chat', ...route, '--to', this.#folder, '--document']);
    client.type('connect', name);
    await client.expect(new RegExp(`^${name} is connected$`));
    await client.expect(/^connected$/);
    return client;
  }

  async #talk(alice: Actor, bob: Actor): Promise<void> {
    alice.type('Hello, who is here?', '');
    await bob.expect(/^alice \(to all\): Hello, who is here\?$/);
    bob.type('I am. The picture is worth a look.', 'alice');
    await alice.expect(/^bob: I am\. The picture is worth a look\.$/);
    bob.type('get_users');
    await bob.expect(/^users: \[alice, bob\]$/);
    alice.type('get_list_file');
    await alice.expect(new RegExp(`^files: \\[.*${PICTURE}.*\\]$`));
  }

  async #download(alice: Actor): Promise<void> {
    alice.type('download', PICTURE, 'proceed', COPY);
    await alice.expect(/^download reached 50%.* proceed$/);
    await alice.expect(
      new RegExp(`^Saved as .*${COPY}`),
      /^User alice downloaded 100% out of file\. Last byte is: \d+$/,
    );
  }

  async #compare(): Promise<void> {
    const sent = await sha256(join(packagedFiles(), PICTURE));
    const received = await sha256(join(this.#folder, COPY));
    say('demo', `SHA-256 of the file on the server: ${sent}`);
    say('demo', `SHA-256 of the file at alice:      ${received}`);
    if (sent !== received) throw new Error('the files differ');
    if (this.#lost === 0) throw new Error('the path has lost nothing');
    say('demo', `the same, though the path lost ${this.#lost} datagrams`);
  }
}

async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
