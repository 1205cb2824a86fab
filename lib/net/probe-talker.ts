import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { type Millis, millis } from '../core/brands.ts';
import { systemCode } from '../core/errors.ts';
import { HeardText } from '../lab/grader/heard-text.ts';
import type { Patience } from '../lab/grader/patience.ts';
import type { Talker } from '../lab/grader/server-bench.ts';
import { plainAddress } from './addresses.ts';
import { breakConnection } from './break-connection.ts';
import { now } from './clock.ts';
import type { FairClock } from './fair-clock.ts';
import { tapTcp } from './tap.ts';

/** What a bare peer has to be left between two messages. */
const BARE_GAP = millis(60);
/** Whether a program takes two lines that come at once is the matter of one check. */
const LINE_GAP = millis(20);
/** A bare peer's message is over when nothing has followed it for this long. */
const BARE_SILENCE = millis(30);
/** A program that writes a message in pieces may have to wait for an acknowledgement in between. */
const PIECES_PATIENCE = millis(300);
/** For all of a message: what goes on for longer is a flood. */
const MOST_IN_PIECES = millis(1000);
/** Until the other side has closed the connection: not every program is quick with that. */
const CLOSING_PATIENCE = millis(3000);
/** What is kept of what a program says: no more is needed, whatever it floods. */
const MAX_UNREAD = 32_768;
/** Below those that Linux, Windows and macOS give by themselves. */
const FIRST_LOCAL_PORT = 20_000;
const END_LOCAL_PORTS = 32_768;
const TAKEN: ReadonlySet<string> = new Set(['EADDRINUSE', 'EADDRNOTAVAIL', 'EACCES']);
const MOST_TRIES = 50;

export interface ProbeTalkerOptions {
  /** What ends a message. */
  readonly framing: 'line' | 'bare';
  /** Whether each message of the other side is known to have a line end, so that it is waited for. */
  readonly hasLineEnds: boolean;
  /** What it is called in the steps. */
  readonly name: string;
  /** What the other side is called. */
  readonly other: string;
  /** How long the other side may take, unless a check says otherwise. */
  readonly patience: Patience;
  readonly clock: FairClock;
  /** What is said and heard, in words. */
  readonly onStep: (text: string) => void;
}

export interface HeardMessage {
  readonly text: string;
  /** Whether a line end was behind it. */
  readonly hasEnd: boolean;
}

/** The grader's side of a connection to a program under test. */
export class ProbeTalker implements Talker {
  readonly #options: ProbeTalkerOptions;
  readonly #socket: Socket;
  readonly #watchers = new Set<() => void>();
  readonly #heard = new HeardText(MAX_UNREAD);
  #isOpen = true;
  #endsWithZero = false;
  #lastHeard: Millis;
  /** What ends a message, as far as it is known. */
  framing: 'line' | 'bare';
  #maySpeakAt = millis(0);

  /** @param socket is connected, and not read yet */
  constructor(options: ProbeTalkerOptions, socket: Socket) {
    this.#options = options;
    this.framing = options.framing;
    this.#lastHeard = options.clock.now();
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => {
      const text = chunk.toString('utf8');
      options.onStep(`${options.name} hears ${quoted(text)}`);
      this.#lastHeard = options.clock.now();
      this.#heard.push(this.#withoutZeros(text), now());
      this.#changed();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      if (this.#isOpen) options.onStep(`the ${options.other} has closed the connection`);
      this.#isOpen = false;
      this.#changed();
    });
    // Whoever says that he has nothing more to say has closed it, for the protocol. A reset leaves nothing of the
    // connection behind: the program has to be started again at once, and need not have SO_REUSEADDR for that.
    socket.on('end', () => breakConnection(socket));
  }

  /**
   * Connects from a port that the system gives to nobody by itself. It might give one on which the program under
   * test listens, even to a connection to that port, and keep it for a minute after the connection has ended.
   * @param avoid ports that this one must not have
   * @param span how long the connection may take, in milliseconds
   * @returns `undefined` when nobody answers in time
   */
  static async open(
    host: string,
    port: number,
    avoid: readonly number[],
    span: number,
    options: ProbeTalkerOptions,
  ): Promise<ProbeTalker | undefined> {
    for (let tries = 0; tries < MOST_TRIES; tries += 1) {
      const socket = await connect({ host, port, localPort: nextLocalPort(avoid) }, span);
      if (socket === 'refused') return undefined;
      if (socket === 'taken') continue;
      tapTcp(socket, 'out');
      return new ProbeTalker(options, socket);
    }
    return undefined;
  }

  get name(): string {
    return this.#options.name;
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  get unread(): string {
    return this.#heard.text;
  }

  /** Where it listens for datagrams, too. */
  get address(): string {
    return plainAddress(this.#socket.localAddress ?? '127.0.0.1');
  }

  /** Where the other side is. */
  get peerAddress(): string {
    return plainAddress(this.#socket.remoteAddress ?? '127.0.0.1');
  }

  async say(text: string): Promise<void> {
    const { framing } = this;
    const { name, onStep, clock } = this.#options;
    await clock.wait(this.#maySpeakAt - clock.now());
    this.#maySpeakAt = millis(clock.now() + (framing === 'bare' ? BARE_GAP : LINE_GAP));
    onStep(`${name} says ${quoted(text)}`);
    await this.#write(framing === 'line' ? `${text}\n` : text);
  }

  async sayBytes(bytes: Uint8Array): Promise<void> {
    this.#options.onStep(`${this.#options.name} sends ${bytes.length} bytes of TCP`);
    await this.#write(bytes);
  }

  async hears(words: RegExp, patience?: number) {
    let found: RegExpExecArray | undefined;
    await this.#until(() => {
      found = words.exec(this.unread) ?? undefined;
      return found !== undefined || !this.#isOpen;
    }, patience);
    if (found !== undefined) this.#heard.take(found.index + found[0].length);
    return found;
  }

  async hearsLine(words: RegExp, patience?: number): Promise<string | undefined> {
    return (await this.hearsMessage(words, patience))?.text;
  }

  /**
   * Waits for words, and takes the line that they stand in, or all there is where lines do not end.
   * @param whole the message as it is expected: until then, more of it is waited for
   */
  async hearsMessage(
    words: RegExp,
    patience?: number,
    whole = words,
  ): Promise<HeardMessage | undefined> {
    await this.#until(() => words.test(this.unread) || !this.#isOpen, patience);
    // Not every program writes a message at once.
    const at = (): number => words.exec(this.unread)?.index ?? -1;
    const hasEnd = (): boolean => at() < 0 || this.unread.indexOf('\n', at()) >= 0;
    await this.#untilSilentOr(() => hasEnd() || whole.test(this.unread), PIECES_PATIENCE);
    await this.#untilSilentOr(hasEnd, this.#options.hasLineEnds ? PIECES_PATIENCE : BARE_SILENCE);
    if (at() < 0) return undefined;
    const { unread } = this;
    const start = unread.lastIndexOf('\n', at()) + 1;
    const end = unread.indexOf('\n', at());
    this.#heard.take(end < 0 ? unread.length : end + 1);
    return { text: unread.slice(start, end < 0 ? undefined : end).trim(), hasEnd: end >= 0 };
  }

  /** The next message, however it ends. @returns `undefined` when none comes in time */
  async nextMessage(patience?: number): Promise<string | undefined> {
    if (this.framing === 'line') {
      const line = await this.hears(/^([^\n]*)\n/, patience);
      return line?.[1]?.replace(/\r$/, '');
    }
    await this.#until(() => this.unread !== '' || !this.#isOpen, patience);
    if (this.unread === '') return undefined;
    await this.#untilSilentOr(() => this.#heard.beforePause !== undefined);
    const text = this.#heard.beforePause ?? this.unread;
    this.#heard.take(text.length);
    return text;
  }

  forget(): void {
    this.#heard.take(this.unread.length);
  }

  async ends(patience: number = CLOSING_PATIENCE): Promise<boolean> {
    await this.#until(() => !this.#isOpen, patience);
    return !this.#isOpen;
  }

  close(): void {
    this.#isOpen = false;
    this.#socket.destroySoon();
  }

  reset(): void {
    this.#isOpen = false;
    breakConnection(this.#socket);
  }

  /** Waits until nothing of it is left, or gives it up. */
  async gone(patience: number): Promise<void> {
    if (this.#socket.closed) return;
    const closed = new AbortController();
    this.#socket.once('close', () => closed.abort());
    await this.#options.clock.wait(patience, closed.signal);
    breakConnection(this.#socket);
    if (!this.#socket.closed) await once(this.#socket, 'close');
  }

  /** Programs in C may send what ends their strings: it ends their messages, too. */
  #withoutZeros(text: string): string {
    const before = this.#endsWithZero && this.unread !== '' ? '\n' : '';
    this.#endsWithZero = text.endsWith('\0');
    return before + text.replace(/\0+$/, '').replaceAll(/\0+/g, '\n');
  }

  /** Until nothing has come for a moment, or there is no need to wait for it. */
  async #untilSilentOr(isSo: () => boolean, silence = BARE_SILENCE): Promise<void> {
    const { clock } = this.#options;
    const end = clock.now() + MOST_IN_PIECES;
    while (!isSo() && this.#isOpen && clock.now() - this.#lastHeard < silence) {
      if (clock.now() >= end) return;
      await clock.wait(
        Math.max(1, Math.min(BARE_SILENCE, this.#lastHeard + silence - clock.now())),
      );
    }
  }

  #write(data: string | Uint8Array): Promise<void> {
    return new Promise((resolve) => {
      // Whoever does not read must not stop the grader.
      const timer = setTimeout(resolve, this.#options.patience.span);
      this.#socket.write(data, () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }

  /** @param span milliseconds; what the program may take for an answer, if absent */
  async #until(condition: () => boolean, span?: number): Promise<void> {
    const { clock, patience } = this.#options;
    const begin = clock.now();
    const found = new AbortController();
    const look = (): void => {
      if (condition()) found.abort();
    };
    this.#watchers.add(look);
    look();
    await clock.wait(span ?? patience.span, found.signal);
    this.#watchers.delete(look);
    if (found.signal.aborted) patience.answered(clock.now() - begin);
    else if (span === undefined) patience.silent();
  }

  #changed(): void {
    for (const look of [...this.#watchers]) look();
  }
}

type Target = { readonly host: string; readonly port: number; readonly localPort: number };

function connect(target: Target, span: number): Promise<Socket | 'refused' | 'taken'> {
  return new Promise((resolve) => {
    const socket = createConnection({ ...target, noDelay: true });
    const timer = setTimeout(() => socket.destroy(), span);
    let end: 'refused' | 'taken' = 'refused';
    socket.on('error', (error) => {
      if (TAKEN.has(systemCode(error) ?? '')) end = 'taken';
    });
    const onClose = (): void => {
      clearTimeout(timer);
      resolve(end);
    };
    socket.once('close', onClose);
    socket.once('connect', () => {
      clearTimeout(timer);
      socket.off('close', onClose);
      resolve(socket);
    });
  });
}

let lastLocalPort = randomInt(FIRST_LOCAL_PORT, END_LOCAL_PORTS);

function nextLocalPort(avoid: readonly number[]): number {
  do {
    lastLocalPort += 1;
    if (lastLocalPort >= END_LOCAL_PORTS) lastLocalPort = FIRST_LOCAL_PORT;
  } while (avoid.includes(lastLocalPort));
  return lastLocalPort;
}

/** For a report: on one line, and not too long. */
function quoted(text: string): string {
  const shown = JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
  return text.length > 200 ? `${shown} (${text.length} characters)` : shown;
}
