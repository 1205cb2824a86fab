import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { checkFolder, UploadFiles } from '../../lib/app/lanshare-files.ts';
import { ReceivedFile } from '../../lib/app/received-file.ts';
import { encodeEvent } from '../../lib/lanshare/codec.ts';
import { LanshareEngine, type LanshareEngineOptions } from '../../lib/net/lanshare-engine.ts';
import { describeForPeer } from '../../lib/storage/disk-full.ts';
import { TemporaryFolder } from '../storage/folder.ts';
import { freePorts } from './free-ports.ts';
import { until } from './waiting.ts';

/** Programs may have to start first. */
const LIMIT_MS = 100_000;

export type WireEvent = Readonly<Record<string, string>>;

/** An engine, and what a front end says and hears. */
export class FrontEnd {
  readonly engine: LanshareEngine;
  readonly events: readonly WireEvent[];
  readonly ip: string;
  readonly folder: string;
  #seen = 0;

  constructor(engine: LanshareEngine, events: readonly WireEvent[], ip: string, folder: string) {
    this.engine = engine;
    this.events = events;
    this.ip = ip;
    this.folder = folder;
  }

  say(command: object): void {
    this.engine.handle(JSON.stringify(command));
  }

  /** The next event with these fields; those before it are left behind. */
  async hears(fields: WireEvent): Promise<WireEvent> {
    let found: WireEvent | undefined;
    await until(
      `${JSON.stringify(fields)} in ${JSON.stringify(this.events)}`,
      () => {
        const at = this.events.findIndex(
          (event, index) => index >= this.#seen && fits(event, fields),
        );
        if (at === -1) return false;
        this.#seen = at + 1;
        found = this.events[at];
        return true;
      },
      LIMIT_MS,
    );
    return found ?? {};
  }

  stats(): string[] {
    return this.events.map(({ stat, content }) =>
      stat === 'info' ? `${stat} ${content}` : (stat ?? ''),
    );
  }
}

function fits(event: WireEvent, fields: WireEvent): boolean {
  return Object.entries(fields).every(([name, value]) => event[name] === value);
}

/** Engines of one machine, each with an address of its own, and all with the same ports. */
export class LanshareLan implements AsyncDisposable {
  readonly ports: { readonly udpPort: number; readonly tcpPort: number };
  readonly folder: TemporaryFolder;
  readonly log: string[] = [];
  readonly #engines: LanshareEngine[] = [];

  private constructor(folder: TemporaryFolder, ports: LanshareLan['ports']) {
    this.folder = folder;
    this.ports = ports;
  }

  static async make(): Promise<LanshareLan> {
    return new LanshareLan(await TemporaryFolder.make(), await freePorts());
  }

  async start(
    username: string,
    ip: string,
    options: Partial<LanshareEngineOptions> = {},
  ): Promise<FrontEnd> {
    const events: WireEvent[] = [];
    const files = new UploadFiles();
    await mkdir(this.path(username), { recursive: true });
    const engine = await LanshareEngine.start({
      ...{ username, ip, broadcast: ['127.255.255.255'], ...this.ports, dataPort: 0 },
      openFile: (path) => files.open(path),
      checkFolder,
      openSink: (folder, header) => ReceivedFile.open(folder, header, () => undefined),
      describe: describeForPeer,
      onEvent: (event) => events.push(JSON.parse(encodeEvent(event)) as WireEvent),
      log: (text) => this.log.push(text),
      ...options,
    });
    this.#engines.push(engine);
    return new FrontEnd(engine, events, ip, this.path(username));
  }

  path(...names: readonly string[]): string {
    return join(this.folder.path, ...names);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#engines.map((engine) => engine.close()));
    await this.folder[Symbol.asyncDispose]();
  }
}

/** All know each other. */
export async function meet(...all: readonly FrontEnd[]): Promise<void> {
  await until('everybody', () =>
    all.every(({ engine }) => engine.people.length === all.length - 1),
  );
}
