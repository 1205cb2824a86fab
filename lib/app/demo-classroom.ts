import { join } from 'node:path';
import { FaultPlan } from '../lab/faults.ts';
import { LinkDriver } from '../net/link-driver.ts';
import type { Actor } from './actor.ts';
import { Stage, sha256 } from './demo-stage.ts';
import { parsePorts } from './flags.ts';
import { packagedFiles } from './package-files.ts';

const LOSS = 0.1;
const SEED = 7;
const PICTURE = 'picture.png';
const COPY = 'copy-of-picture.png';

/** A server, two clients, messages and a download over a path with losses. @param extra flags for alice */
export function demoClassroom(extra: readonly string[]): Promise<void> {
  const options = { extra: ['alice', extra] as const };
  return Stage.run(async (stage) => {
    await using play = new ClassroomDemo(stage);
    await play.play();
  }, options);
}

class ClassroomDemo implements AsyncDisposable {
  readonly #stage: Stage;
  #link: LinkDriver | undefined;
  #lost = 0;

  constructor(stage: Stage) {
    this.#stage = stage;
  }

  async play(): Promise<void> {
    const { server, ports } = await this.#startServer();
    const [port, otherPort = port] = ports;
    this.#link = await this.#startLink(port);
    this.#stage.say(
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#link?.[Symbol.asyncDispose]();
  }

  /** On the real ports; on free ones when all of those are taken. */
  async #startServer(): Promise<{ server: Actor; ports: readonly [number, ...number[]] }> {
    const files = ['--host', '127.0.0.1', '--files', packagedFiles()];
    for (const ports of [[], ['--ports', '0,0']]) {
      const server = this.#stage.act('server', ['serve', ...files, ...ports]);
      try {
        const listening = await server.expect(/listening on TCP ports (.*)/);
        const [first, ...others] = parsePorts(listening[1] ?? '');
        if (first !== undefined) return { server, ports: [first, ...others] };
      } catch (error) {
        if (this.#stage.signal.aborted) throw error;
        this.#stage.say('the ports 55000-55015 are taken: free ones are used');
      }
    }
    throw new Error('the server does not start');
  }

  #startLink(serverPort: number): Promise<LinkDriver> {
    const plan = new FaultPlan({ loss: LOSS }, SEED);
    return LinkDriver.start({
      server: { host: '127.0.0.1', port: serverPort },
      ways: { client: { fateOf: (seq, nth) => plan.fateOf(seq, nth) } },
      onDecision: ({ seq, nth, fate }) => {
        if (fate.length > 0) return;
        this.#lost += 1;
        this.#stage.tell('path', `part ${seq} is lost${nth > 1 ? ` (sending ${nth})` : ''}`);
      },
    });
  }

  async #startClient(name: string, port: number): Promise<Actor> {
    const route = ['--from', '127.0.0.1', '--server', '127.0.0.1', '--port', String(port)];
    const client = this.#stage.act(name, [
      'chat',
      ...route,
      '--to',
      this.#stage.folder,
      '--document',
    ]);
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
    const received = await sha256(join(this.#stage.folder, COPY));
    this.#stage.say(`SHA-256 of the file on the server: ${sent}`);
    this.#stage.say(`SHA-256 of the file at alice:      ${received}`);
    if (sent !== received) throw new Error('the files differ');
    if (this.#lost === 0) throw new Error('the path has lost nothing');
    this.#stage.say(`the same, though the path lost ${this.#lost} datagrams`);
  }
}
