import type { Item } from '../isend/sender-effects.ts';

/** A file that is open for reading. */
export interface SourceFile {
  readonly size: number;
  /** Fills `buffers`, one after the other; fewer bytes only at the end of the file. */
  read(buffers: readonly Buffer[]): Promise<number>;
  /** The SHA-256, in hex, of the first bytes. */
  sha256(bytes: number): Promise<string>;
  goTo(position: number): void;
  /** Whether it is still as it was when it was opened, as far as the system tells. */
  isUnchanged(): boolean;
  close(): Promise<void>;
}

/** What is to be sent next. */
export type SourceItem =
  | { readonly item: Item & { readonly type: 'file' }; readonly file: SourceFile }
  | { readonly item: Exclude<Item, { readonly type: 'file' }> };
