import type { DownloadOutcome } from '../commands/client-effects.ts';
import { encodeError } from '../commands/codec.ts';
import type { Framing } from '../commands/framing.ts';
import { parseUserName } from '../commands/names.ts';
import { millis } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import { formatEndpoint } from '../net/addresses.ts';
import { ChatClientDriver, NoAnswerError } from '../net/chat-client-driver.ts';
import type { Leftover } from '../storage/leftover.ts';
import { PartialFile } from '../storage/partial-file.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import type { BarPlace } from '../terminal/progress.ts';
import type { Receiver } from '../udp-reliable/receiver.ts';
import { describeConnectError } from './connect-errors.ts';
import { describeLeftover, FileDownload, PAUSE_QUESTION } from './file-download.ts';
import { nameFile } from './name-file.ts';
import { ANY, type Route } from './route.ts';

/** A server that has not even let the user in is not waited for longer when he leaves. */
const SHORT_GOODBYE = millis(100);

/**
 * How a session ended. `left`: the user wants no other. `disconnected`: the user may want another.
 * `lost`: the server is gone. `failed`: there was no connection, or a script's download failed.
 */
export type SessionEnd = 'left' | 'disconnected' | 'lost' | 'failed';

export interface ChatSessionOptions {
  readonly route: Route;
  /** Connect at once under this name. */
  readonly name: string | undefined;
  readonly folder: string;
  readonly yes: boolean;
  readonly framing: Framing;
  /** How the fast profile is asked for; `undefined`: never. */
  readonly fast:
    | { readonly rate: number | undefined; readonly mtu: number | undefined }
    | undefined;
  readonly makeDialogue: (session: ChatSession) => Dialogue;
  /** A person is in front of it: commands go on during a download. */
  readonly interactive: boolean;
}

/** One TCP connection of the client program, from the first word to the last. */
export class ChatSession {
  readonly #options: ChatSessionOptions;
  readonly #dialogue: Dialogue;
  #driver: ChatClientDriver | undefined;
  #end: SessionEnd | undefined;
  #download: FileDownload | undefined;
  #downloading: Promise<void> | undefined;
  #leftover: Leftover | undefined;
  /** Takes back what is asked for the connection, when that is gone. */
  readonly #over = new AbortController();
  /** Takes back the wish for a connection. */
  readonly #opening = new AbortController();
  /** Takes back the question at 50 %. */
  #pause: AbortController | undefined;
  #failed = false;

  constructor(options: ChatSessionOptions) {
    this.#options = options;
    this.#dialogue = options.makeDialogue(this);
  }

  async run(): Promise<SessionEnd> {
    const { route, framing, name, interactive } = this.#options;
    try {
      this.#driver = await ChatClientDriver.open({
        host: route.server,
        port: route.port,
        from: route.from === ANY ? undefined : route.from,
        framing,
        signal: this.#opening.signal,
        onText: (text) => this.#dialogue.print(visible(text)),
        onAskToProceed: () => void this.#askToProceed(),
        openSink: (file, receiver) => this.#openDownload(file, receiver),
        onClosed: (error) => this.#onClosed(error),
      });
    } catch (error) {
      const left = this.#opening.signal.aborted;
      if (!left) this.#dialogue.print(describeConnectError(error, route));
      if (interactive) this.#dialogue.close();
      return left && interactive ? 'left' : 'failed';
    }
    this.#dialogue.print(
      `There is a connection to ${formatEndpoint(route.server, route.port)}. 'help' lists the commands.`,
    );
    if (name !== undefined && !(await this.#driver.connect(name))) this.#failed = true;
    await this.#obey(this.#driver);
    return this.#finish(this.#driver);
  }

  /** Ctrl-C: stops the download, or leaves. */
  interrupt(): void {
    if (this.#driver?.downloading) this.#driver.abandon({ type: 'stopped' });
    else this.leave();
  }

  /** The process is to end. */
  leave(): void {
    this.#end ??= 'left';
    this.#opening.abort();
    this.#driver?.abandon({ type: 'stopped' });
    if (this.#driver?.connecting) void this.#driver.disconnect(SHORT_GOODBYE);
    this.#dialogue.close();
  }

  async #obey(driver: ChatClientDriver): Promise<void> {
    while (this.#end === undefined) {
      const line = await this.#dialogue.command(this.#over.signal);
      if (line === undefined || this.#end !== undefined) return;
      const command = COMMANDS.get(line.trim());
      if (command !== undefined) await command.run(this, driver);
      else if (line.trim() !== '') await this.#say(driver, line);
    }
  }

  async #finish(driver: ChatClientDriver): Promise<SessionEnd> {
    const { interactive } = this.#options;
    const end = this.#end ?? 'left';
    this.#end = end;
    if (end !== 'lost') {
      driver.abandon({ type: 'stopped' });
      await driver.disconnect();
    }
    await this.#downloading;
    if (interactive) this.#dialogue.close();
    return end === 'left' && this.#failed && !interactive ? 'failed' : end;
  }

  #onClosed(error: Error | undefined): void {
    if (this.#end !== undefined) return;
    this.#end = 'lost';
    this.#dialogue.print(describeEnd(error));
    // Nothing more can be commanded here: the prompt is taken away. In a script the next line is
    // for another server.
    this.#over.abort();
    if (this.#options.interactive) this.#dialogue.close();
  }

  async connect(driver: ChatClientDriver): Promise<void> {
    const name = await this.#dialogue.ask('Your name:', this.#over.signal);
    if (name === undefined) return;
    // "If the name was legal then the client will send the message" (Document, connect).
    if (parseUserName(name) !== undefined) await driver.connect(name);
    else this.#dialogue.print(encodeError(new ProtocolError('NAME_ILLEGAL')));
  }

  disconnect(): void {
    this.#end = 'disconnected';
  }

  help(): void {
    this.#dialogue.print(COMMANDS_HELP);
  }

  async download(driver: ChatClientDriver): Promise<void> {
    if (driver.downloading || this.#downloading !== undefined) {
      this.#dialogue.print('A download is running; Ctrl-C stops it.');
      return;
    }
    const file = await this.#dialogue.ask('File name:', this.#over.signal);
    if (file === undefined || file === '') return;
    this.#downloading = this.#receive(driver, file)
      // Not what a server does, but for example a folder that one may not write to.
      .catch((error: Error) => this.#onDownloadFailed(error.message))
      .finally(() => {
        this.#downloading = undefined;
      });
    if (!this.#options.interactive) await this.#downloading;
  }

  async #say(driver: ChatClientDriver, data: string): Promise<void> {
    const target = await this.#dialogue.ask('To whom (empty: everybody):', this.#over.signal);
    if (target === undefined) return;
    try {
      driver.send(target === '' ? { type: 'msg-all', data } : { type: 'msg', data, target });
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      this.#dialogue.print('That message is too long: 64 KiB at most.');
    }
  }

  async #receive(driver: ChatClientDriver, file: string): Promise<void> {
    const { fast, yes, folder } = this.#options;
    this.#leftover = fast && (await PartialFile.leftover(folder, file));
    const wish = fast && { ...fast, proceed: yes, leftover: this.#leftover };
    const outcome = await driver.download(file, wish);
    this.#pause?.abort();
    const download = this.#download;
    this.#download = undefined;
    if (outcome.type === 'complete' && download !== undefined) {
      download.endProgress();
      this.#dialogue.print(`All of ${visible(file)} has come: ${download.describe()}.`);
      if (!(await this.#name(download, file))) this.#failed = true;
      return;
    }
    if (outcome.type === 'failed') this.#onDownloadFailed(outcome.reason);
    if (download === undefined) return;
    if (outcome.type !== 'failed' || !outcome.useless) {
      this.#dialogue.print(await download.keep());
      return;
    }
    await download.discard();
    this.#dialogue.print('Nothing was kept.');
  }

  #onDownloadFailed(why: string): void {
    this.#failed = true;
    this.#dialogue.print(`Download failed: ${visible(why)}.`);
  }

  async #name(download: FileDownload, file: string): Promise<boolean> {
    try {
      return await nameFile(this.#dialogue, download.partial, file, this.#options);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#dialogue.print(`The file cannot be saved: ${why}.`);
      this.#dialogue.print(await download.keep());
      return false;
    }
  }

  async #openDownload(file: string, receiver: Receiver): Promise<FileDownload> {
    this.#download = await FileDownload.open({
      folder: this.#options.folder,
      file,
      receiver,
      barPlace: this.#options.interactive ? this.#barPlace() : undefined,
      onError: (outcome: DownloadOutcome) => this.#driver?.abandon(outcome),
    });
    const begin = describeLeftover(file, this.#leftover, receiver);
    if (begin !== undefined) this.#dialogue.print(begin);
    return this.#download;
  }

  #barPlace(): BarPlace {
    return { columns: process.stdout.columns, setStatus: (text) => this.#dialogue.setStatus(text) };
  }

  async #askToProceed(): Promise<void> {
    this.#download?.pause();
    if (this.#options.yes) {
      this.#dialogue.print(`${PAUSE_QUESTION} proceed (--yes)`);
      this.#driver?.answer('proceed');
      return;
    }
    this.#pause = new AbortController();
    const answer = await this.#dialogue.askBetween(PAUSE_QUESTION, this.#pause.signal);
    this.#driver?.answer(answer?.trim() ?? 'stop');
  }
}

function describeEnd(error: Error | undefined): string {
  if (error instanceof NoAnswerError) return `Left the server: ${error.message}.`;
  const why = error === undefined ? '' : ` (${error.message})`;
  return `The server closed the connection${why}.`;
}

interface SessionCommand {
  readonly help: string;
  readonly run: (session: ChatSession, driver: ChatClientDriver) => Promise<void> | void;
}

const COMMANDS: ReadonlyMap<string, SessionCommand> = new Map<string, SessionCommand>([
  [
    'connect',
    { help: 'log in: asks your name', run: (session, driver) => session.connect(driver) },
  ],
  ['disconnect', { help: 'leave this server', run: (session) => session.disconnect() }],
  [
    'get_users',
    {
      help: 'who is online',
      run: (_, driver) => driver.send({ type: 'get-users' }),
    },
  ],
  [
    'get_list_file',
    {
      help: 'what can be downloaded',
      run: (_, driver) => driver.send({ type: 'get-list-file' }),
    },
  ],
  [
    'download',
    { help: 'get a file: asks its name', run: (session, driver) => session.download(driver) },
  ],
  ['help', { help: 'this list', run: (session) => session.help() }],
]);

export const COMMANDS_HELP = [
  'Commands, once there is a connection:',
  ...[...COMMANDS].map(([name, { help }]) => `  ${name.padEnd(15)} ${help}`),
  'Anything else is a message: asks for whom, empty for everybody.',
  'Ctrl-C stops a download; otherwise it leaves, as Ctrl-D does.',
].join('\n');
