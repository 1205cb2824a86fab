import { counted, formatBytes, visible } from '../core/text.ts';
import { splitText } from '../isend/codec.ts';
import type { Item, ItemOutcome } from '../isend/sender-effects.ts';
import type { SourceItem } from '../net/isend-source.ts';
import { type Found, walk } from '../storage/outgoing-tree.ts';
import type { Progress } from '../terminal/progress.ts';

export interface OutboxOptions {
  readonly paths: readonly string[];
  readonly message: string | undefined;
  /** Something that the user should know; a line. */
  readonly report: (line: string) => void;
  readonly progress: Progress | undefined;
}

/** What is to be sent, one after the other, and what has become of it. */
export class Outbox {
  readonly #options: OutboxOptions;
  readonly #messages: Buffer[];
  readonly #paths: string[];
  #walk: ReturnType<typeof walk> | undefined;
  /** Where the items came from that are under way. */
  readonly #from = new WeakMap<Item, string>();
  #file = '';
  #files = 0;
  #folders = 0;
  #parts = 0;
  #bytes = 0;
  #already = 0;
  #missing = 0;

  constructor(options: OutboxOptions) {
    this.#options = options;
    this.#paths = [...options.paths];
    this.#messages = [...splitText(options.message ?? '')];
  }

  /** How many things were to be sent and have not arrived. */
  get missing(): number {
    return this.#missing;
  }

  async next(skip: boolean): Promise<SourceItem | undefined> {
    const text = this.#messages.shift();
    if (text !== undefined) return { item: { type: 'message', text } };
    let hint: 'skip' | undefined = skip ? 'skip' : undefined;
    for (;;) {
      if (this.#walk === undefined) {
        const path = this.#paths.shift();
        if (path === undefined) return undefined;
        this.#walk = walk(path);
      }
      const { value, done } = await this.#walk.next(hint);
      hint = undefined;
      if (done) this.#walk = undefined;
      const source = value && this.#take(value);
      if (source !== undefined) return source;
    }
  }

  ended(item: Item, { type, text }: ItemOutcome): void {
    const path = this.#from.get(item) ?? 'the message';
    const because = text === '' ? '' : `: ${text}`;
    if (type === 'skipped') this.#miss(`${path} was skipped by the receiver${because}`);
    else if (type === 'refused') this.#miss(`${path} was refused by the receiver${because}`);
    else if (item.type === 'message') this.#parts += 1;
    else if (item.type === 'end-of-folder') this.#folders += 1;
    else if (item.type === 'file') {
      this.#files += 1;
      if (text !== '') this.#options.report(visible(`${path}: ${text}`));
    }
  }

  /** What was sent of it may be a mixture. */
  changed(item: Item): void {
    this.#miss(`${this.#from.get(item)} has changed while it was sent`);
  }

  arrived(bytes: number, already: boolean): void {
    this.#bytes += bytes;
    if (already) this.#already += bytes;
    this.#options.progress?.update(this.#bytes, false, this.#file);
  }

  summary(): string {
    const parts = [
      counted(this.#files, 'file'),
      this.#folders > 0 ? counted(this.#folders, 'folder') : '',
      this.#parts > 0 ? counted(this.#parts, 'message') : '',
      formatBytes(this.#bytes - this.#already),
      this.#already > 0 ? `${formatBytes(this.#already)} were there already` : '',
    ];
    return parts.filter((part) => part !== '').join(', ');
  }

  #take(found: Found): SourceItem | undefined {
    const { path } = found;
    switch (found.type) {
      case 'file': {
        const { name, file } = found;
        this.#file = name;
        return { item: this.#know({ type: 'file', name, size: file.size }, path), file };
      }
      case 'folder':
        return { item: this.#know({ type: 'folder', name: found.name }, path) };
      case 'end-of-folder':
        return { item: this.#know({ type: 'end-of-folder' }, path) };
      case 'left-out':
        this.#options.report(visible(`${path} is left out: ${found.reason}`));
        return undefined;
      case 'unreadable':
        this.#miss(`${path} cannot be sent: ${found.reason}`);
        return undefined;
    }
  }

  #know<Known extends Item>(item: Known, path: string): Known {
    this.#from.set(item, path);
    return item;
  }

  #miss(line: string): void {
    this.#missing += 1;
    this.#options.report(visible(line));
  }
}
