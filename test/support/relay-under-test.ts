/** A relay server in this process, and plain sockets that talk to it. */
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { RelayServerDriver, type RelayServerOptions } from '../../lib/net/relay-server-driver.ts';
import { KeyHashes } from '../../lib/storage/key-hash.ts';
import { TransferStore } from '../../lib/storage/transfer-store.ts';
import { until } from '../net/waiting.ts';

export interface RelayUnderTest extends AsyncDisposable {
  readonly driver: RelayServerDriver;
  readonly errors: string[];
}

export async function startRelay(
  folder: string,
  options: Partial<RelayServerOptions> & { readonly quota?: number } = {},
): Promise<RelayUnderTest> {
  const errors: string[] = [];
  const driver = await RelayServerDriver.start({
    host: '127.0.0.1',
    commandPort: 0,
    notificationPort: 0,
    store: await TransferStore.open({ folder, quota: options.quota }),
    hashes: new KeyHashes(),
    dialect: 'table',
    keep: 3_600_000,
    onEvent: ({ level, text }) => {
      if (level === 'error') errors.push(text);
    },
    ...options,
  });
  return { driver, errors, [Symbol.asyncDispose]: () => driver.close() };
}

/** A socket that keeps all that it hears. */
export class PlainPeer implements Disposable {
  readonly socket: Socket;
  readonly #chunks: Buffer[] = [];
  ended = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (chunk) => this.#chunks.push(chunk));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.ended = true;
    });
    socket.on('end', () => {
      this.ended = true;
    });
  }

  /** @param allowHalfOpen whether it can still speak when the other side has ended. */
  static async open(port: number, allowHalfOpen = false): Promise<PlainPeer> {
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
    const peer = new PlainPeer(socket);
    await once(socket, 'connect');
    return peer;
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get length(): number {
    return this.#chunks.reduce((sum, { length }) => sum + length, 0);
  }

  get text(): string {
    return this.bytes.toString();
  }

  say(...lines: readonly string[]): void {
    this.socket.write(lines.map((line) => `${line}\r\n`).join(''));
  }

  async hears(text: string): Promise<void> {
    await until(`${text} in ${JSON.stringify(this.text)}`, () => this.text.includes(text));
  }

  async ends(): Promise<void> {
    await until('the end', () => this.ended);
  }

  /** What came behind the first line. */
  get body(): Buffer {
    const { bytes } = this;
    return bytes.subarray(bytes.indexOf(0x0a) + 1);
  }

  [Symbol.dispose](): void {
    this.socket.destroy();
  }
}

export interface PlainUser extends Disposable {
  readonly command: PlainPeer;
  readonly notes: PlainPeer;
}

export async function logIn(
  { driver }: RelayUnderTest,
  user: string,
  key = 'k',
  details = '',
): Promise<PlainUser> {
  const command = await PlainPeer.open(driver.commandPort);
  command.say(`${user} ${key}`);
  await command.hears('200 ');
  const notes = await PlainPeer.open(driver.notificationPort);
  notes.say(`${user} ${key}${details}`);
  await notes.hears('200 ');
  return {
    command,
    notes,
    [Symbol.dispose]: () => {
      command[Symbol.dispose]();
      notes[Symbol.dispose]();
    },
  };
}

/** The sender offers, all recipients take it; the data port. */
export async function agree(
  sender: PlainUser,
  users: readonly (readonly [string, PlainUser])[],
  file: string,
  size: number,
): Promise<number> {
  const before = sender.command.text.length;
  const questions = (user: PlainUser): number => user.notes.text.split('RCFR').length;
  const known = users.map(([, user]) => questions(user));
  sender.command.say(`SEND "${file}" ${size} ${users.length}`, ...users.map(([name]) => name));
  for (const [at, [, user]] of users.entries()) {
    await until('the question', () => questions(user) > (known[at] ?? 0));
    user.notes.say('400 OK');
  }
  const answer = /402 \d+\r\n(?:\S+\r\n)*?(\d+)\r\n$/;
  await until('the port', () => answer.test(sender.command.text.slice(before)));
  return Number(answer.exec(sender.command.text.slice(before))?.[1]);
}
