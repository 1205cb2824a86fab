import type { FateOf } from '../faults.ts';
import type { Numbering } from '../part-number.ts';
import type { Check, Notes } from './check.ts';
import type { Stage } from './stages.ts';

export const SEPARATORS = [' ', ',', '|', 'list', 'each'] as const;
export type Separator = (typeof SEPARATORS)[number];

/** The shares of a file at which the document has a pause: it says both. */
export const PAUSES: readonly number[] = [0.5, 0.2];

/** How a server reads the places where the document is vague. */
export interface ServerReadings {
  /** What ends a message to it: a line end, or nothing. */
  readonly hears: 'line' | 'bare';
  /** The same of what it says. */
  readonly says: 'line' | 'bare';
  /** Whether it says `connected` beside what it tells everybody. */
  readonly confirms: boolean;
  /** What the client answers to the number of parts. */
  readonly address: 'port' | 'ip-port';
  readonly numbering: Numbering;
  readonly proceedBy: 'tcp' | 'udp';
  /** Whether it sends on by itself after `proceed`; if not, less is waited for. */
  readonly goesOn: boolean;
  /** The share of the file after which it pauses; `undefined`: it does not. */
  readonly pauseAt: number | undefined;
  readonly message: 'data-first' | 'target-first';
  /**
   * What stands between the numbers of a re-request; or they are a list in brackets, or each is a message of its own.
   * `undefined`: it answers to none of these.
   */
  readonly separator: Separator | undefined;
  /** What it wants before them, like `resend|`. */
  readonly askedWith: string;
  /** If no download has come to its end, less is waited for. */
  readonly reaches: Stage;
  /** Whether it has answered `stop`. */
  readonly answersStop: boolean;
  /** Whether it says something to whoever connects, before he has said anything. */
  readonly greets: boolean;
  /** What it has sent of `usual.txt` when nothing was lost and nobody else was there: its own mistakes included. */
  readonly alone: Buffer | undefined;
}

/** A connection to the server under test. */
export interface Talker {
  /** Under which it is online, once it is. */
  readonly name: string;
  readonly isOpen: boolean;
  /** What came and was not taken by {@link hears}. */
  readonly unread: string;
  say(text: string): Promise<void>;
  /** Bytes as they are. */
  sayBytes(bytes: Uint8Array): Promise<void>;
  /**
   * Waits for words, and takes all up to them.
   * @param patience milliseconds; what a server usually takes, and far more, by default
   * @returns `undefined` when they did not come
   */
  hears(words: RegExp, patience?: number): Promise<RegExpExecArray | undefined>;
  /** Drops what came so far. */
  forget(): void;
  /** Waits for words, and takes the line that they stand in: up to its end, or until nothing follows for a moment. */
  hearsLine(words: RegExp, patience?: number): Promise<string | undefined>;
  /** Whether the server has closed the connection in time. */
  ends(patience?: number): Promise<boolean>;
  /** Closes it as a program does that ends. */
  close(): void;
  /** Breaks it. */
  reset(): void;
}

/** How a download is to go. */
export interface DownloadPlan {
  /** What the path does with the parts; without it, nothing. */
  readonly fateOf?: FateOf;
  /** What the client answers to the pause. Default: `proceed`. */
  readonly answer?: string;
  /** While it pauses, before the answer. */
  readonly inPause?: (download: RunningDownload) => Promise<void>;
  /** Once, before it asks for parts that are missing. */
  readonly beforeAsking?: (download: RunningDownload) => Promise<void>;
  /** How long the client waits at the pause, in milliseconds. */
  readonly pause?: number;
  /** When all is there, waits until nothing has come for so many milliseconds. */
  readonly linger?: number;
  /** To find out when the server pauses: whatever is there when nothing comes any more is what it has sent. */
  readonly takesSilenceForPause?: boolean;
}

export interface RunningDownload {
  readonly record: DownloadRecord;
  /** Asks for these parts again. */
  ask(seqs: readonly number[]): Promise<void>;
  /** Reads datagrams until nothing has come for a while. */
  untilQuiet(quiet?: number): Promise<void>;
}

/** A datagram of the server. */
export interface SentPart {
  readonly seq: number;
  /** Counts the sendings of this part from 1. */
  readonly nth: number;
  /** Bytes of the file in it. */
  readonly length: number;
  /** Whether they are those of its first sending. */
  readonly isSame: boolean;
  /** Whether the client had said `proceed` when it came. */
  readonly afterProceed: boolean;
  /** Whether the path has let it through. */
  readonly arrived: boolean;
  /** Of the capture. */
  readonly frame: number;
}

/** What was seen of a download. */
export interface DownloadRecord {
  readonly file: string;
  /** The number of parts that the server has announced. */
  readonly count: number | undefined;
  readonly parts: readonly SentPart[];
  /** Datagrams that are no parts: how many, and what is wrong with the first of them. */
  readonly strayCount: number;
  readonly strays: readonly { readonly why: string; readonly frame: number }[];
  /** How often each part was asked for again. */
  readonly asked: ReadonlyMap<number, number>;
  /** How many parts had been sent for the first time when the server paused. */
  readonly sentBeforePause: number | undefined;
  /** The file, when all parts are there. */
  readonly bytes: Buffer | undefined;
  readonly missing: readonly number[];
  /** What the server said at the end. */
  readonly lastWords: string;
  readonly numbering: Numbering | undefined;
}

/** The program under test, while it runs. */
export interface ProgramUnderTest {
  readonly isRunning: boolean;
  /** Milliseconds for which its processes have waited for a processor; 0 where the system does not tell. */
  waited(): number;
  /** Files and sockets that its processes have open, where the system tells. */
  openFiles(): number | undefined;
  /** Starts it anew, and waits until it listens. @returns whether it does */
  restart(): Promise<boolean>;
  /** Asks it to end as Ctrl-C does, and waits. @returns whether it has */
  interrupt(patience: number): Promise<boolean>;
}

/** What a check of a server has to work with. */
export interface ServerBench extends Notes {
  readonly readings: ServerReadings;
  /** What is in the server's folder. */
  readonly files: Readonly<Record<string, Buffer>>;
  /** The ports of the assignment. */
  readonly ports: readonly number[];
  readonly program: ProgramUnderTest;
  /** A name that nobody has had. */
  newName(stem?: string): string;
  /** @returns `undefined` when there is no connection in time. */
  tryConnect(port?: number, patience?: number): Promise<Talker | undefined>;
  /** Fails the check when there is no connection. */
  connect(port?: number): Promise<Talker>;
  /** Connects and is online; fails the check when that does not work. */
  login(stem?: string, port?: number): Promise<Talker>;
  /** Asks for a file, and takes what comes. Fails the check when it is not announced. */
  download(talker: Talker, file: string, plan?: DownloadPlan): Promise<DownloadRecord>;
  /**
   * Asks for a file, and names an address that is not the client's own.
   * @returns how many datagrams came there
   */
  datagramsAtAnother(talker: Talker, file: string): Promise<number>;
  /** Lets time pass, to see that nothing happens. */
  wait(span: number): Promise<void>;
  /** What the scenario of the check does to parts. */
  readonly fateOf: FateOf;
}

export type ServerCheck = Check<ServerBench>;
