import type { CapturedFile, Digest, FileEvent } from './captured-files.ts';
import { type Range, Ranges } from './ranges.ts';

/** Transfers that are not over, at most: the one that has rested longest is given up for a new one. */
const MAX_PENDING = 512;
/** Files that are over and not forgotten. */
const MAX_KNOWN = 4096;
/** File systems take no longer files: nobody has sent what is behind it. */
const MAX_POSITION = 2 ** 43;
/** Missing ranges that are told. */
const MAX_TOLD = 10;

/** What is known when a transfer begins. */
export interface TransferStart {
  readonly file: CapturedFile;
  /** In bytes, where it is told. */
  readonly size?: number | undefined;
  readonly digest?: Digest | undefined;
}

/** A file on its way, perhaps in several attempts. */
export class Transfer {
  readonly key: string;
  readonly file: CapturedFile;
  readonly ranges = new Ranges();
  size: number | undefined;
  digest: Digest | undefined;
  /** Whether bytes were due; a file that is empty is there then. */
  begun = false;
  /** What a program has said against it, since it was gone on with. */
  failure: string | undefined;

  constructor(key: string, { file, size, digest }: TransferStart) {
    this.key = key;
    this.file = file;
    this.size = size;
    this.digest = digest;
  }

  get isComplete(): boolean {
    const { size, begun, ranges } = this;
    return begun && size !== undefined && ranges.missing(size).length === 0;
  }

  /** Whether the other attempt can be one at the same file. */
  fits({ file, size, digest }: TransferStart): boolean {
    const isSame = <Value>(one: Value | undefined, other: Value | undefined): boolean =>
      one === undefined || other === undefined || one === other;
    return (
      file.name === this.file.name &&
      isSame(size, this.size) &&
      (size ?? Number.POSITIVE_INFINITY) >= this.ranges.end &&
      isSame(digest?.hex, this.digest?.hex)
    );
  }

  done(): FileEvent {
    const { file, digest, failure } = this;
    return { type: 'done', file, missing: this.#describeMissing(), digest, failure };
  }

  #describeMissing(): string | undefined {
    const { size, begun, ranges } = this;
    if (this.isComplete) return undefined;
    if (!begun || ranges.end === 0) return 'all of it';
    const missing = ranges.missing(size ?? ranges.end);
    const told = missing.slice(0, MAX_TOLD).map(describeRange);
    if (missing.length > told.length) told.push('…');
    if (size === undefined) told.push(`what follows byte ${ranges.end - 1}, if anything`);
    return told.join(', ');
  }
}

/** The transfers of one protocol: what attempts at the same file have brought is put together. */
export class Transfers {
  /** Those that are not over; who was heard of last is the last. */
  readonly #pending = new Set<Transfer>();
  readonly #byKey = new Map<string, Transfer>();
  readonly #finished = new BoundedMap<string, number>(MAX_KNOWN);

  /**
   * The unfinished transfer with this key, if it can be the same file, or a new one.
   * @param key tells files apart. @param anew not the one before, in any case
   */
  *begin(key: string, start: TransferStart, anew = false): Generator<FileEvent, Transfer> {
    const known = this.#byKey.get(key);
    if (known !== undefined && !anew && known.fits(start)) {
      known.size ??= start.size;
      known.digest ??= start.digest;
      known.failure = undefined;
      this.#touch(known);
      return known;
    }
    const [oldest] = this.#pending;
    if (this.#pending.size >= MAX_PENDING && oldest !== undefined) yield* this.finish(oldest);
    const transfer = new Transfer(key, start);
    this.#pending.add(transfer);
    this.#byKey.set(key, transfer);
    return transfer;
  }

  /** What comes next with this key is not the one before. */
  beginAnew(key: string): void {
    this.#byKey.delete(key);
  }

  /** One that is not over. */
  get(key: string): Transfer | undefined {
    return this.#byKey.get(key);
  }

  /** The size of the last file with this key that was whole. */
  wholeSize(key: string): number | undefined {
    return this.#finished.get(key);
  }

  *take(transfer: Transfer, position: number, bytes: Buffer): Generator<FileEvent> {
    const { file, size, ranges } = transfer;
    const end = Math.min(position + bytes.length, size ?? MAX_POSITION, MAX_POSITION);
    if (end <= position || !this.#pending.has(transfer)) return;
    this.#touch(transfer);
    ranges.add(position, end);
    yield { type: 'bytes', file, position, bytes: bytes.subarray(0, end - position) };
  }

  /** Nothing more of it comes. */
  *finish(transfer: Transfer): Generator<FileEvent> {
    if (!this.drop(transfer)) return;
    const isWhole = transfer.isComplete && transfer.failure === undefined;
    if (isWhole) this.#finished.set(transfer.key, transfer.size ?? 0);
    yield transfer.done();
  }

  /** It is another one, as has turned out. @returns whether it was there */
  drop(transfer: Transfer): boolean {
    if (this.#byKey.get(transfer.key) === transfer) this.#byKey.delete(transfer.key);
    return this.#pending.delete(transfer);
  }

  /** After the last packet. */
  *end(): Generator<FileEvent> {
    for (const transfer of this.#pending) yield* this.finish(transfer);
  }

  #touch(transfer: Transfer): void {
    if (this.#pending.delete(transfer)) this.#pending.add(transfer);
  }
}

/** A table for which a capture cannot take all memory: the oldest goes for a new one. */
export class BoundedMap<Key, Value> {
  readonly #most: number;
  readonly #values = new Map<Key, Value>();

  constructor(most: number) {
    this.#most = most;
  }

  get(key: Key): Value | undefined {
    return this.#values.get(key);
  }

  set(key: Key, value: Value): void {
    this.#values.delete(key);
    const [oldest] = this.#values.keys();
    if (this.#values.size >= this.#most && oldest !== undefined) this.#values.delete(oldest);
    this.#values.set(key, value);
  }
}

/** The address in `127.0.0.1:55000`. */
export function hostOf(end: string): string {
  return end.slice(0, end.lastIndexOf(':'));
}

function describeRange({ start, end }: Range): string {
  return end - start === 1 ? `byte ${start}` : `bytes ${start} to ${end - 1}`;
}
