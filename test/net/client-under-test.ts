import { existsSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { DownloadOutcome } from '../../lib/commands/client-effects.ts';
import type { Framing } from '../../lib/commands/framing.ts';
import { ChatClientDriver } from '../../lib/net/chat-client-driver.ts';
import type { SegmentSink } from '../../lib/net/segment-sink.ts';
import { PartialFile } from '../../lib/storage/partial-file.ts';
import type { Receiver } from '../../lib/udp-reliable/receiver.ts';
import { temporaryFolder } from '../support/server-under-test.ts';

export interface ClientOptions {
  readonly port: number;
  readonly framing?: Framing;
  readonly from?: string;
  /** Logs in under this name; empty: does not. Default: `ann`. */
  readonly name?: string;
  /** What happens at 50 %; default: `proceed` is answered. */
  readonly onHalf?: (client: ClientUnderTest) => unknown;
  /** Before the place for the file is opened. */
  readonly beforeSink?: (receiver: Receiver) => unknown;
  /** Puts something between the datagrams and the file. */
  readonly wrapSink?: (sink: SegmentSink, receiver: Receiver) => SegmentSink;
}

/** What came of a download; `bytes` is the file when it is whole, else what was kept of it. */
export interface Fetched {
  readonly outcome: DownloadOutcome;
  readonly bytes: Buffer | undefined;
  readonly receiver: Receiver | undefined;
}

/** The client with real files, in a folder of its own. */
export class ClientUnderTest implements AsyncDisposable {
  readonly folder: string;
  /** What the server said. */
  readonly texts: string[] = [];
  /** One entry for each call of `onClosed`. */
  readonly closings: (Error | undefined)[] = [];
  readonly #options: ClientOptions;
  #driver: ChatClientDriver | undefined;
  #partial: PartialFile | undefined;
  #receiver: Receiver | undefined;
  #count = 0;

  private constructor(options: ClientOptions, folder: string) {
    this.#options = options;
    this.folder = folder;
  }

  static async open(options: ClientOptions): Promise<ClientUnderTest> {
    const client = new ClientUnderTest(options, await temporaryFolder());
    try {
      await client.#open();
    } catch (error) {
      await client[Symbol.asyncDispose]();
      throw error;
    }
    return client;
  }

  get driver(): ChatClientDriver {
    if (this.#driver === undefined) throw new Error('not open yet');
    return this.#driver;
  }

  /** The receiver of the last download that got that far. */
  get receiver(): Receiver {
    if (this.#receiver === undefined) throw new Error('no download yet');
    return this.#receiver;
  }

  /** Downloads, and saves what came as a program would. */
  async fetch(file: string): Promise<Fetched> {
    this.#partial = undefined;
    this.#receiver = undefined;
    const outcome = await this.driver.download(file);
    return this.#save(outcome);
  }

  async #save(outcome: DownloadOutcome): Promise<Fetched> {
    const partial = this.#partial as PartialFile | undefined;
    const receiver = this.#receiver as Receiver | undefined;
    if (partial === undefined) return { outcome, bytes: undefined, receiver };
    let path = partial.path;
    this.#count += 1;
    if (outcome.type !== 'complete') await partial.keep();
    else path = await partial.finish(`saved-${this.#count}`, { overwrite: false });
    return { outcome, bytes: await readFile(path), receiver };
  }

  /** The lock files that are left. */
  async locks(): Promise<string[]> {
    return (await readdir(this.folder)).filter((name) => name.endsWith('.lock'));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#driver?.close();
    if (existsSync(this.folder)) await rm(this.folder, { recursive: true });
  }

  async #open(): Promise<void> {
    const { port, from, framing = 'line', name = 'ann' } = this.#options;
    this.#driver = await ChatClientDriver.open({
      host: '127.0.0.1',
      port,
      from,
      framing,
      onText: (text) => this.texts.push(text),
      onAskToProceed: () => void this.#half(),
      openSink: (file, receiver) => this.#openSink(file, receiver),
      onClosed: (error) => this.closings.push(error),
    });
    if (name !== '' && !(await this.driver.connect(name))) throw new Error(`${name} is refused`);
  }

  async #half(): Promise<void> {
    const { onHalf = ({ driver }) => driver.answer('proceed') } = this.#options;
    try {
      await onHalf(this);
    } catch (error) {
      // A check that failed there must end the test, not leave it waiting.
      this.driver.abandon({ type: 'failed', reason: String(error) });
    }
  }

  async #openSink(file: string, receiver: Receiver): Promise<SegmentSink> {
    await this.#options.beforeSink?.(receiver);
    this.#partial = await PartialFile.create({
      folder: this.folder,
      name: file,
      segmentPayload: 2043,
      onError: (error) => this.driver.abandon({ type: 'failed', reason: error.message }),
    });
    this.#receiver = receiver;
    return this.#options.wrapSink?.(this.#partial, receiver) ?? this.#partial;
  }

  /** Where the file of that name is while it is not whole. */
  partPath(file: string): string {
    return join(this.folder, `${file}.part`);
  }
}
