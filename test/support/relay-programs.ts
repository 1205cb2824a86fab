/** The relay's programs as child processes. */
import { join } from 'node:path';
import { TemporaryFolder } from '../app/folders.ts';
import { type Program, start, WIRELAB } from '../app/programs.ts';

/** A server program, in a folder of its own with keys; it can be killed and started again. */
export class RelayPrograms implements AsyncDisposable {
  readonly folder: TemporaryFolder;
  readonly #flags: readonly string[];
  readonly #programs: Program[] = [];
  #server: Program | undefined;
  #ports: readonly string[] = ['0', '0'];

  private constructor(folder: TemporaryFolder, flags: readonly string[]) {
    this.folder = folder;
    this.#flags = flags;
  }

  static async start(
    files: Readonly<Record<string, string | Uint8Array>> = {},
    flags: readonly string[] = [],
  ): Promise<RelayPrograms> {
    const keys = { 'key-alice': 'ka', 'key-bob': 'kb', 'key-carol': 'kc' };
    const relay = new RelayPrograms(await TemporaryFolder.create({ ...keys, ...files }), flags);
    await relay.startServer();
    return relay;
  }

  get server(): Program {
    if (this.#server === undefined) throw new Error('there is no server');
    return this.#server;
  }

  /** On the ports that it had before. */
  async startServer(): Promise<void> {
    const [commands = '', notes = ''] = this.#ports;
    const ports = ['--command-port', commands, '--notif-port', notes];
    const store = ['--store', join(this.folder.path, 'store'), '--host', '127.0.0.1'];
    this.#server = this.#start('serve', ...store, ...ports, ...this.#flags);
    const found = await this.#server.waitFor(/listening on TCP ports (\d+) .* and (\d+)/);
    this.#ports = [found[1] ?? '', found[2] ?? ''];
  }

  async killServer(): Promise<void> {
    this.server.kill('SIGKILL');
    await this.server.exit;
  }

  /** The flags by which this user logs in. */
  flagsOf(user: string): string[] {
    const [commands = '', notes = ''] = this.#ports;
    const route = ['--command-port', commands, '--notif-port', notes];
    return [...route, '--name', user, '--key-file', join(this.folder.path, `key-${user}`)];
  }

  /** A client program of that user. */
  client(user: string, command: string, ...args: readonly string[]): Program {
    return this.#start(command, ...args, ...this.flagsOf(user));
  }

  async receiver(user: string, ...flags: readonly string[]): Promise<Program> {
    const to = ['--to', this.path(user), '--accept', 'all', '--once'];
    const program = this.client(user, 'receive', ...to, ...flags);
    await program.waitFor(new RegExp(`${user} is there`));
    return program;
  }

  path(...names: readonly string[]): string {
    return join(this.folder.path, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const program of this.#programs.reverse()) await program[Symbol.asyncDispose]();
    await this.folder[Symbol.asyncDispose]();
  }

  #start(...args: readonly string[]): Program {
    const program = start(WIRELAB, ['relay', ...args]);
    this.#programs.push(program);
    return program;
  }
}
