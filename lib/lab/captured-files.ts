import type { Packet } from '../capture/decode.ts';

/** A file of which a capture shows how it was transferred. */
export interface CapturedFile {
  readonly protocol: 'classroom' | 'relay' | 'isend' | 'sent' | 'lanshare';
  /** As it was called on the wire: may hold anything. */
  readonly name: string;
  /** The folders that it is in, from the outermost on; they may be called anything, too. */
  readonly folders?: readonly string[] | undefined;
  /** Addresses with ports. */
  readonly from: string;
  readonly to: string;
}

/** What came of files, in the order in which it was captured. */
export type FileEvent =
  | {
      readonly type: 'bytes';
      readonly file: CapturedFile;
      /** Where they belong in the file. */
      readonly position: number;
      /** Valid until the next frame is read. */
      readonly bytes: Buffer;
    }
  /** Nothing more of it comes. */
  | {
      readonly type: 'done';
      readonly file: CapturedFile;
      /** What is not in the capture, in words; `undefined`: all of it is. */
      readonly missing: string | undefined;
      /** Why the transfer did not succeed, where the programs have told. */
      readonly failure?: string | undefined;
      /** What the whole file has, in lower-case hex, where the protocol tells. */
      readonly digest?: Digest | undefined;
    };

export interface Digest {
  readonly algorithm: 'sha256' | 'md5';
  readonly hex: string;
}

/** Finds the files of one protocol in a capture. */
export interface FileReader {
  push(packet: Packet): Iterable<FileEvent>;
  /** After the last packet. */
  end(): Iterable<FileEvent>;
}
