import { basename, relative } from 'node:path';
import { counted, formatBytes, visible } from '../core/text.ts';
import type { Stored } from '../isend/receiver-effects.ts';
import type { IncomingSink } from '../net/isend-inbound.ts';
import { asDiskError, describeForPeer } from '../storage/disk-full.ts';
import { type Begun, IncomingTree, type IncomingTreeOptions } from '../storage/incoming-tree.ts';
import { showCounter } from '../terminal/progress.ts';
import { statusLine } from '../terminal/status-line.ts';

export interface InboxOptions extends IncomingTreeOptions {
  /** Who sends. */
  readonly address: string;
  readonly print: (line: string) => void;
  /** The sender has ended; `whole`: it has said so, and nothing had to be refused. */
  readonly onEnd: (whole: boolean) => void;
}

/** What one sender sends: it goes to the disk, and the user is told. */
export class Inbox implements IncomingSink {
  readonly #options: InboxOptions;
  readonly #tree: IncomingTree;
  readonly #counter = process.stderr.isTTY ? showCounter(statusLine(process.stderr)) : undefined;
  #depth = 0;
  #name = '';
  #files = 0;
  #folders = 0;
  #messages = 0;
  #bytes = 0;
  #skipped = 0;
  #refused = 0;

  constructor(options: InboxOptions) {
    this.#options = options;
    this.#tree = new IncomingTree(options);
    this.#print(`${options.address} is sending`);
  }

  async beginFile(name: string): Promise<Stored> {
    this.#name = name;
    return this.#begun(await this.#tree.beginFile(name), name);
  }

  write(bytes: Buffer): Promise<void> {
    this.#bytes += bytes.length;
    this.#counter?.update(this.#name, this.#bytes);
    return this.#tree.write(bytes);
  }

  goOn(): void {
    this.#tree.goOn();
  }

  async endFile(): Promise<Stored> {
    const path = await this.#tree.endFile();
    this.#files += 1;
    const saved = basename(path);
    const isOther = saved !== this.#name;
    // Of a folder with many files, only what is unusual is told one by one.
    if (this.#depth === 0 || isOther) {
      this.#print(`${this.#where(path)}${isOther ? ` (was ${this.#name})` : ''}`);
    }
    return { type: 'done', text: isOther ? `saved as ${saved}` : '' };
  }

  async beginFolder(name: string): Promise<Stored> {
    this.#name = name;
    const stored = this.#begun(await this.#tree.beginFolder(name), name);
    if (stored.type !== 'done') return stored;
    this.#folders += 1;
    this.#depth += 1;
    const saved = basename(this.#tree.folder);
    const isOther = saved !== name;
    if (this.#depth === 1 || isOther) {
      this.#print(`${this.#where(this.#tree.folder)}/${isOther ? ` (was ${name})` : ''}`);
    }
    return { type: 'done', text: isOther ? `saved as ${saved}` : '' };
  }

  endFolder(): void {
    this.#depth -= 1;
    this.#tree.endFolder();
  }

  show(text: string): void {
    this.#messages += 1;
    this.#print(`message: ${text}`);
  }

  describe(error: unknown): string {
    this.#refused += 1;
    const cause = asDiskError(error);
    this.#print(`${this.#name}: not stored: ${cause.message}`);
    return describeForPeer(cause);
  }

  cancel(): void {
    this.#tree.cancel();
  }

  async end(complete: boolean, reason: string): Promise<void> {
    this.#counter?.stop();
    await this.#tree.abandonFile(true);
    const { address } = this.#options;
    this.#print(
      `${address} ${complete ? 'is done' : `is not done: ${reason}`}: ${this.#summary()}`,
    );
    this.#options.onEnd(complete && this.#refused === 0);
  }

  #begun(begun: Begun, name: string): Stored {
    if (begun.type === 'present') return { type: 'offer', offer: begun.present };
    if (begun.type === 'begun') return { type: 'done' };
    this.#skipped += 1;
    if (this.#depth === 0) this.#print(`${name} is here already: skipped`);
    return { type: 'skipped', reason: 'it is there already' };
  }

  #summary(): string {
    const parts = [
      counted(this.#files, 'file'),
      this.#folders > 0 ? counted(this.#folders, 'folder') : '',
      this.#messages > 0 ? counted(this.#messages, 'message') : '',
      formatBytes(this.#bytes),
      this.#skipped > 0 ? `${this.#skipped} skipped` : '',
      this.#refused > 0 ? `${this.#refused} refused` : '',
    ];
    return parts.filter((part) => part !== '').join(', ');
  }

  #where(path: string): string {
    return relative(this.#options.folder, path);
  }

  /** What comes from a peer does not drive the terminal. */
  #print(line: string): void {
    this.#counter?.stop();
    this.#options.print(visible(line));
  }
}
