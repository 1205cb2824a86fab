import { mkdir } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { millis } from '../core/brands.ts';
import { formatBytes, visible } from '../core/text.ts';
import { MAX_PATH, MAX_TEXT } from '../lanshare/schemas.ts';
import { isIPv4 } from '../net/addresses.ts';
import { delay, now } from '../net/clock.ts';
import { type CaptureFlags, captureFlags, withCaptureFlags } from './capture.ts';
import { CommandSession, describeCommands, type SessionCommands } from './command-session.ts';
import { EngineProcess, type WireEvent } from './engine-process.ts';
import { EXIT, UserError } from './exit-status.ts';
import { newCommand, parseFolderFlag } from './flags.ts';
import { LanshareEvents, type Transfer } from './lanshare-events.ts';
import { type LanshareFlags, withLanshareFlags } from './lanshare-flags.ts';

/** Whoever is there has been heard by then. */
const LOOK_FOR_MS = 3000;
const ALL_ANSWER_WITHIN_MS = 700;
const LOOK_EVERY = millis(50);

const COMMANDS = {
  list: { words: '', help: 'who is there, and what is on its way' },
  msg: { words: 'NAME TEXT', help: 'write to somebody; a name with spaces in "quotes"' },
  send: { words: 'FILE NAME…', help: 'offer a file to these' },
  stop: { words: 'PORT [NAME]', help: 'stop a transfer; what arrived can be continued' },
  hello: { words: '', help: 'ask again who is there' },
};

interface ChatFlags extends LanshareFlags, CaptureFlags {
  readonly to: string;
}

/** `wirelab lanshare chat` */
export function lanshareChatCommand(): Command {
  const command = newCommand('chat').description(
    'Messages and files in a terminal: a front end that starts an engine of its own.',
  );
  return withCaptureFlags(withLanshareFlags(command))
    .option('--to <dir>', 'folder for what comes', parseFolderFlag, '.')
    .addHelpText('after', `\n${describeCommands(COMMANDS)}\nWhat others offer is asked in between.`)
    .action(async (flags: ChatFlags) => {
      const session = new CommandSession();
      try {
        await new LanshareChat(session, flags).run();
      } finally {
        session.close();
      }
      if (session.failed) process.exitCode = EXIT.failed;
    });
}

/** A front end: all that it knows, and does, goes through the engine's standard streams. */
class LanshareChat {
  readonly #session: CommandSession;
  readonly #flags: ChatFlags;
  readonly #engine: EngineProcess;
  readonly #events: LanshareEvents;
  #readyAt = Number.NEGATIVE_INFINITY;

  constructor(session: CommandSession, flags: ChatFlags) {
    this.#session = session;
    this.#flags = flags;
    this.#events = new LanshareEvents(session, (event, ended) => this.#ask(event, ended));
    this.#engine = new EngineProcess(engineFlags(flags), (event) => this.#events.take(event));
  }

  async run(): Promise<void> {
    const [session, engine] = [this.#session, this.#engine];
    let isLeaving = false;
    const lost = engine.ended.then((why) => {
      if (!isLeaving && !session.signal.aborted) {
        throw new UserError(`the engine has ended${why === undefined ? '' : `: ${why}`}`);
      }
    });
    const stopped = new Promise<void>((resolve) => {
      session.signal.addEventListener('abort', () => resolve(), { once: true });
    });
    try {
      await Promise.race([this.#obeyWhenReady(), lost, stopped]);
    } finally {
      isLeaving = true;
      await engine.close();
    }
  }

  async #obeyWhenReady(): Promise<void> {
    await this.#events.ready;
    this.#readyAt = now();
    this.#session.print(`${visible(this.#flags.username)} is there.`);
    await this.#session.obey(this.#commands());
  }

  #commands(): SessionCommands {
    return {
      list: { ...COMMANDS.list, run: () => this.#list() },
      msg: { ...COMMANDS.msg, run: (words, line) => this.#write(words, line) },
      send: { ...COMMANDS.send, run: (words) => this.#send(words) },
      stop: { ...COMMANDS.stop, run: (words) => this.#stop(words) },
      hello: { ...COMMANDS.hello, run: () => this.#engine.say({ stat: 'reshs' }) },
    };
  }

  /** Somebody offers a file. */
  async #ask(event: WireEvent, ended: AbortSignal): Promise<void> {
    const { username = '', ip = '', dir, fileName = '', fileSize } = event;
    const what = `${visible(fileName)} (${formatBytes(Number(fileSize))})`;
    const question = `${visible(username)} (${ip}) offers ${what}. Take it?`;
    const isWanted = await this.#session.isWanted(question, ended);
    if (ended.aborted || this.#session.signal.aborted) return;
    const dest = resolve(this.#flags.to);
    const isPossible = isWanted && (await this.#makeFolder(dest));
    this.#engine.say(isPossible ? { stat: 'cacp', ip, dir, dest } : { stat: 'crej', ip, dir });
  }

  async #makeFolder(path: string): Promise<boolean> {
    try {
      await mkdir(path, { recursive: true });
      return true;
    } catch (error) {
      this.#session.complain(error);
      return false;
    }
  }

  #list(): void {
    const people = [...this.#events.people].map(([ip, name]) => `  ${visible(name)} (${ip})`);
    this.#session.print(people.length === 0 ? 'Nobody else is there.' : people.sort().join('\n'));
    for (const { label, port } of this.#events.transfers) {
      this.#session.print(`  port ${port}: ${visible(label)}`);
    }
  }

  async #write(words: readonly string[], line: string): Promise<void> {
    const text = line.replace(/^\s*\S+\s+("[^"]*"|\S+)\s*/, '').trim();
    if (words[0] === undefined || text === '') throw new UserError('it is msg NAME TEXT');
    if (text.length > MAX_TEXT) throw new UserError(`a message has at most ${MAX_TEXT} characters`);
    const [ip, to] = await this.#find(words[0]);
    const done = this.#events.messageEnds();
    this.#engine.say({ stat: 'cmsg', ip, to, msg: text });
    await this.#waitIfScript([done]);
  }

  async #send([path, ...names]: readonly string[]): Promise<void> {
    if (path === undefined || names.length === 0) throw new UserError('it is send FILE NAME…');
    const dir = resolve(path);
    if (dir.length > MAX_PATH) throw new UserError(`a path has at most ${MAX_PATH} characters`);
    const ends: Promise<void>[] = [];
    const found = await Promise.all(names.map((name) => this.#find(name)));
    for (const ip of new Set(found.map(([address]) => address))) {
      ends.push(this.#events.requestEnds(ip, dir));
      this.#engine.say({ stat: 'creq', ip, dir });
    }
    await this.#waitIfScript(ends);
  }

  #stop([port, name]: readonly string[]): void {
    if (port === undefined) throw new UserError('it is stop PORT [NAME]');
    const fits = (one: Transfer): boolean =>
      one.port === port && (name === undefined || one.name === name || one.ip === name);
    const all = this.#events.transfers.filter(fits);
    if (all.length === 0) throw new UserError(`there is no transfer with port ${port}`);
    for (const { ip } of all) this.#engine.say({ stat: 'kprg', port, ip });
  }

  /** The address and the name of somebody, once he is there. */
  async #find(wanted: string): Promise<readonly [string, string]> {
    const { people } = this.#events;
    const fitting = () => {
      const found = [...people].filter(([ip, name]) => ip === wanted || name === wanted);
      // Broadcasts do not get everywhere.
      return found.length === 0 && isIPv4(wanted) ? [[wanted, ''] as const] : found;
    };
    const { signal } = this.#session;
    const began = now();
    // Another one of the same name may answer a little later.
    const isEarly = (): boolean => now() - this.#readyAt < ALL_ANSWER_WITHIN_MS && !isIPv4(wanted);
    while ((fitting().length === 0 && now() - began < LOOK_FOR_MS) || isEarly()) {
      if (signal.aborted) break;
      await delay(LOOK_EVERY, signal);
    }
    const [one, other] = fitting();
    if (one === undefined) throw new UserError(`${visible(wanted)} is not there`);
    if (other === undefined) return one;
    const addresses = fitting().map(([ip]) => ip);
    throw new UserError(`several are called ${visible(wanted)}: say ${addresses.join(' or ')}`);
  }

  /** A script goes on when this is done; a person may be asked something meanwhile. */
  async #waitIfScript(ends: readonly Promise<void>[]): Promise<void> {
    if (!this.#session.isTerminal) await Promise.all(ends);
  }
}

function engineFlags(flags: ChatFlags): string[] {
  const { username, ip, broadcast, udpPort, tcpPort, dataPort } = flags;
  return [
    ...captureFlags(flags),
    ...['--no-websocket', `--username=${username}`, `--udp-port=${udpPort}`],
    ...[`--tcp-port=${tcpPort}`, `--data-port=${dataPort}`],
    ...(ip === undefined ? [] : [`--ip=${ip}`]),
    ...(broadcast === undefined ? [] : [`--broadcast=${broadcast.join(',')}`]),
  ];
}
