import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { DownloadOutcome } from '../commands/client-effects.ts';
import { millis } from '../core/brands.ts';
import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import { ChatClientDriver, NoAnswerError } from '../net/chat-client-driver.ts';
import type { Leftover } from '../storage/leftover.ts';
import { exists } from '../storage/naming.ts';
import { PartialFile } from '../storage/partial-file.ts';
import { safeName } from '../storage/safe-name.ts';
import type { Dialogue } from '../terminal/dialogue.ts';
import { statusLine } from '../terminal/status-line.ts';
import { describeConnectError } from './connect-errors.ts';
import { UserError } from './exit-status.ts';
import { describeLeftover, FileDownload, PAUSE_QUESTION } from './file-download.ts';
import {
  FIRST_PORT,
  newCommand,
  parseHostFlag,
  parseMtu,
  parseNameFlag,
  parsePortFlag,
  parseRate,
} from './flags.ts';
import { ANY } from './route.ts';
import { STOP_SIGNALS } from './stop-signals.ts';

/** When all is done, the server's answer to the farewell is worth no more than this. */
const GOODBYE = millis(5);

interface GetFlags {
  server: string;
  port: number;
  name?: string;
  out?: string;
  yes?: true;
  bare?: true;
  document?: true;
  rate?: number;
  mtu?: number;
}

/** `wirelab get FILE`: one download, for scripts. */
export function getCommand(): Command {
  return newCommand('get')
    .description('Download one file (classroom protocol). Prints where it is.')
    .argument('<file>', 'its name on the server')
    .option('--server <host>', 'the server', parseHostFlag, '127.0.0.1')
    .option('--port <port>', 'TCP port of the server', parsePortFlag, FIRST_PORT)
    .option('--name <name>', 'user name (default: one made by chance)', parseNameFlag)
    .option('--out <path>', 'file or folder to save to (default: here, under the same name)')
    .option('--yes', 'go on at 50 % without asking')
    .option('--bare', 'messages without line ends, for servers written from the document')
    .option('--rate <rate>', 'most bytes a second, like 20M (fast profile only)', parseRate)
    .option('--mtu <bytes>', "largest IP packet (default: the interface's)", parseMtu)
    .option('--document', "keep to the document's rules (never ask for the fast profile)")
    .action(get);
}

async function get(file: string, flags: GetFlags): Promise<void> {
  const target = targetOf(flags.out, file);
  const path = join(target.folder, target.name);
  if (await exists(path))
    throw new UserError(`${path} is there already; --out names another place`);
  await new Get(file, flags, target).run();
}

interface Target {
  readonly folder: string;
  readonly name: string;
}

function targetOf(out: string | undefined, file: string): Target {
  const name = safeName(file);
  if (out === undefined) return { folder: resolve('.'), name };
  const path = resolve(out);
  const isFolder = /[/\\]$/.test(out) || statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isFolder ? { folder: path, name } : { folder: dirname(path), name: basename(path) };
}

/** One run of the program. */
class Get {
  readonly #file: string;
  readonly #flags: GetFlags;
  readonly #target: Target;
  #driver: ChatClientDriver | undefined;
  #download: FileDownload | undefined;
  #online = false;
  /** The last message of the server: when it refuses, the reason. */
  #lastText = 'the connection ended';
  /** Why it does not let this user in. */
  #refusal: string | undefined;
  #leftover: Leftover | undefined;
  /** Takes back the question at 50 %. */
  readonly #over = new AbortController();

  constructor(file: string, flags: GetFlags, target: Target) {
    this.#file = file;
    this.#flags = flags;
    this.#target = target;
  }

  async run(): Promise<void> {
    // Up to here there is nothing to tidy up: a signal ends the process by itself.
    const driver = await this.#connect();
    this.#driver = driver;
    const interrupt = (): void => this.#interrupt(driver);
    for (const signal of STOP_SIGNALS) process.on(signal, interrupt);
    try {
      await this.#end(await this.#fetch(driver));
    } finally {
      this.#over.abort();
      await driver.disconnect(GOODBYE);
      for (const signal of STOP_SIGNALS) process.off(signal, interrupt);
    }
  }

  /** Logs in and downloads. */
  async #fetch(driver: ChatClientDriver): Promise<DownloadOutcome> {
    const wish = await this.#wish();
    const connected = driver.connect(this.#flags.name ?? anyName());
    // In one go, one round trip is saved; a server written from the document may read one message
    // at a time.
    const inOneGo = wish !== undefined && !this.#flags.bare;
    const downloaded = inOneGo ? driver.download(this.#file, wish) : undefined;
    if (await connected) {
      this.#online = true;
      return downloaded ?? driver.download(this.#file, wish);
    }
    const refused = { type: 'failed', reason: this.#refusal ?? this.#lastText } as const;
    driver.abandon(refused);
    await downloaded;
    return refused;
  }

  #interrupt(driver: ChatClientDriver): void {
    driver.abandon({ type: 'stopped' });
    if (this.#online) return;
    // The answer to `connect` is not waited for.
    this.#refusal ??= 'stopped';
    void driver.disconnect(GOODBYE);
  }

  async #wish(): Promise<Parameters<ChatClientDriver['download']>[1]> {
    const { document, rate, mtu, yes = false } = this.#flags;
    if (document) return undefined;
    this.#leftover = await PartialFile.leftover(this.#target.folder, this.#target.name);
    return { proceed: yes, rate, mtu, leftover: this.#leftover };
  }

  async #connect(): Promise<ChatClientDriver> {
    const { server, port, bare } = this.#flags;
    const options = {
      host: server,
      port,
      from: undefined,
      framing: bare ? ('bare' as const) : ('line' as const),
      onText: (text: string) => {
        this.#lastText = text;
        if (/^can't connect/i.test(text)) this.#refusal ??= text;
      },
      onAskToProceed: () => void this.#askToProceed(),
      openSink: async (
        _file: string,
        receiver: Parameters<typeof FileDownload.open>[0]['receiver'],
      ) => {
        this.#download = await FileDownload.open({
          folder: this.#target.folder,
          file: this.#target.name,
          receiver,
          barPlace: process.stderr.isTTY ? statusLine(process.stderr) : undefined,
          onError: (outcome) => this.#driver?.abandon(outcome),
        });
        const begin = describeLeftover(this.#file, this.#leftover, receiver);
        if (begin !== undefined) process.stderr.write(`${begin}\n`);
        return this.#download;
      },
      onClosed: (error: Error | undefined) => {
        if (error instanceof NoAnswerError) this.#refusal ??= error.message;
      },
    };
    try {
      return await ChatClientDriver.open(options);
    } catch (error) {
      throw new UserError(describeConnectError(error, { from: ANY, server, port }));
    }
  }

  async #end(outcome: DownloadOutcome): Promise<void> {
    const download = this.#download;
    if (outcome.type === 'complete' && download !== undefined) {
      download.endProgress();
      process.stdout.write(`${await this.#finish(download)}\n`);
      return;
    }
    if (outcome.type === 'failed' && outcome.useless) {
      await download?.discard();
      throw new UserError(`${outcome.reason}. Nothing was kept.`);
    }
    const reason =
      outcome.type === 'failed' ? visible(outcome.reason) : 'stopped (--yes goes on at 50 %)';
    const kept = download === undefined ? '' : `. ${await download.keep()}`;
    throw new UserError(reason + kept);
  }

  async #finish(download: FileDownload): Promise<string> {
    try {
      return await download.partial.finish(this.#target.name, { overwrite: false });
    } catch (error) {
      const kept = await download.keep();
      const why = systemCode(error) === 'EEXIST' ? 'there is a file of that name by now' : error;
      throw new UserError(`not saved: ${why}. ${kept}`);
    }
  }

  async #askToProceed(): Promise<void> {
    this.#download?.pause();
    this.#driver?.answer(
      this.#flags.yes ? 'proceed' : await askInTerminalOrPipe(this.#over.signal),
    );
  }
}

/** `stop` when there is no answer, because the input has ended or `signal` is aborted. */
async function askInTerminalOrPipe(signal: AbortSignal): Promise<string> {
  const { stdin } = process;
  const dialogue = await openDialogue();
  const close = (): void => dialogue.close();
  signal.addEventListener('abort', close);
  try {
    if (signal.aborted) return 'stop';
    return (await dialogue.ask(PAUSE_QUESTION))?.trim() ?? 'stop';
  } finally {
    signal.removeEventListener('abort', close);
    dialogue.close();
    stdin.pause();
  }
}

/** Loaded only when there is a question: most downloads of this program have none. */
async function openDialogue(): Promise<Dialogue> {
  const { stdin, stderr } = process;
  if (!stdin.isTTY || !stderr.isTTY) {
    const { LineReader } = await import('../terminal/line-reader.ts');
    return new LineReader(stdin, stderr);
  }
  const { LineEditor } = await import('../terminal/line-editor.ts');
  const editor = new LineEditor({
    input: stdin,
    output: stderr,
    onInterrupt: () => editor.close(),
  });
  return editor;
}

function anyName(): string {
  return `get-${randomBytes(4).toString('hex')}`;
}
