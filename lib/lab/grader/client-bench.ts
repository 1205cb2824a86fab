import type { FateOf } from '../faults.ts';
import type { Numbering } from '../part-number.ts';
import type { Check, Notes } from './check.ts';
import type { Stage } from './stages.ts';

/** How the grader numbers its datagrams: as servers do, or in ASCII with four digits, which are the document's four bytes. */
export type SentNumbering = Numbering | 'four-digits';

/** How a client reads the places where the document is vague. */
export interface ClientReadings {
  /** What ends a message of it, and of its server: a line end, or nothing. */
  readonly framing: 'line' | 'bare';
  /** What it answers to the number of parts. */
  readonly address: 'port' | 'ip-port';
  readonly numbering: SentNumbering;
  /** Whether it asks for parts that were not sent yet, as for any other that it does not have. */
  readonly asksAhead: boolean;
  /** What a message that asks for parts begins with, beside numbers. */
  readonly asksWith: string;
  /** How its answer at the pause goes; `undefined`: none came. */
  readonly proceedBy: 'tcp' | 'udp' | undefined;
  /** The share of the file at which it asks; `undefined`: it does not. */
  readonly asksAt: number | undefined;
  readonly message: 'data-first' | 'target-first';
  /** If no download has come to its end, less is waited for. */
  readonly reaches: Stage;
  /** Whether it has said `stop`; if not, less is waited for. */
  readonly saysStop: boolean;
  /** What it has saved of `usual.txt` when nothing went wrong: its own mistakes included. */
  readonly saved: Buffer | undefined;
  /** How long that took, in milliseconds. */
  readonly savedAfter: number;
  /** The last line that it shows when it asks whether to go on, as far as it is the same for all files. */
  readonly question: string | undefined;
  /** The same when it asks for the new name. */
  readonly nameQuestion: string | undefined;
}

/** What a client shows when it asks for something: patterns, as its words are its own. */
export interface Prompts {
  readonly ownAddress?: RegExp;
  readonly serverAddress?: RegExp;
  readonly port?: RegExp;
  /** When half of the file is there. */
  readonly question?: RegExp;
}

/** How the server behaves in a download. */
export interface ServingPlan {
  /** What the path does with the parts. Default: nothing. */
  readonly fateOf?: FateOf;
  /** What the user types at the pause. Default: `proceed`. */
  readonly answer?: string;
  /** How long he thinks, in milliseconds. */
  readonly pause?: number;
  /** What somebody says to all before the first part, and before the second half. */
  readonly aside?: string;
  /** Types a new name even when the download was stopped. */
  readonly typesNameAnyway?: boolean;
  /** Datagrams beside the parts, sent before the last part of each half, which is given. */
  readonly strays?: (datagram: Buffer) => readonly Buffer[];
  /** They come from another address of this machine, where there is one. */
  readonly straysFromElsewhere?: boolean;
  /** Sends the parts of each half from the last to the first. */
  readonly backwards?: boolean;
  /** So many re-requests are heard and not answered, from when all parts of the half were sent. */
  readonly deafFor?: number;
  /** Gives up when the client asks for most of what it has, as it does not understand the numbers. */
  readonly isTrial?: boolean;
  /** Waits at 20 %, whether it asks there. */
  readonly waitsEarly?: boolean;
}

/** A message of the client that names parts. */
export interface ReRequest {
  /** Milliseconds since its timer may have been started: by the last datagram, or before the first if none reaches it. */
  readonly after: number;
  /** Since the last datagram by the time that the client has had: less, where the machine was busy. */
  readonly fairAfter: number;
  readonly seqs: readonly number[];
  /** Parts of those sent by then that never reached the client, or are still delayed. */
  readonly lost: readonly number[];
  /** These, what it may not have read by then, and what was being sent just then. */
  readonly missing: readonly number[];
  /** Those of its numbers that no part had that was sent by then. */
  readonly ahead: readonly number[];
  /** What it begins with, before the first number. */
  readonly word: string;
  /** Whether it came while the user was asked. */
  readonly inPause: boolean;
  /** Whether it came between parts that follow each other without a pause, on a busy machine. */
  readonly isSending: boolean;
  readonly frame: number;
}

/** What was seen of a download of the client. */
export interface ServingRecord {
  readonly file: string;
  readonly count: number;
  /** The UDP port that the client has told, if it was one. */
  readonly port: number | undefined;
  readonly address: 'port' | 'ip-port' | undefined;
  readonly reRequests: readonly ReRequest[];
  /** What it said at the pause, and how. */
  readonly answer: string | undefined;
  readonly answeredBy: 'tcp' | 'udp' | undefined;
  /** Before the user had typed anything. */
  readonly answeredEarly: boolean;
  /** Whether its terminal showed anything when half of the file was there. */
  readonly asked: boolean;
  /** The share of the file that it had then; in a trial, 20 % is told from 50 %. */
  readonly asksAt: number | undefined;
  /** In a trial: it has asked for most of what it has, so it does not understand the numbers, or gets nothing. */
  readonly misread: boolean;
  /** Whether all parts have reached it. */
  readonly delivered: boolean;
  /** Whether one of them has reached it more than once. */
  readonly isDoubled: boolean;
  /** Given up on, as it kept asking for what could not be missing. */
  readonly isFruitless: boolean;
  /** Whether it has said `stop` at the end. */
  readonly stopped: boolean;
  /** Anything else that it said. */
  readonly others: readonly string[];
  /** What it has saved under the new name, or under that of the file. */
  readonly saved: Buffer | undefined;
  readonly newName: string;
  /** Milliseconds from the new name to the first of it. */
  readonly savedAfter: number;
  /** What its terminal has shown from the name of the file on. */
  readonly shown: string;
  /** Under which of them. */
  readonly savedAs: string | undefined;
  /** See {@link ClientReadings}. */
  readonly question: string | undefined;
  readonly nameQuestion: string | undefined;
}

/** A client under test, connected with the grader's server. */
export interface ClientSession {
  /** Under which it is online, once it is. */
  readonly name: string;
  /** Where it has connected from. */
  readonly address: string;
  /** Types a line. */
  type(line: string): Promise<void>;
  /** Waits until something new was printed and nothing follows. */
  untilPrompt(patience?: number): Promise<string>;
  /** Waits until nothing more is printed. */
  untilQuiet(): Promise<void>;
  /** Waits until the terminal shows words, from here on. */
  shows(words: RegExp, patience?: number): Promise<boolean>;
  /** What the terminal has shown from here on. */
  readonly screen: string;
  /** The end of all that it has shown. */
  readonly lastShown: string;
  /** The next message of the client. */
  hears(words: RegExp, patience?: number): Promise<RegExpExecArray | undefined>;
  /** What came and was not taken. */
  readonly unread: string;
  tell(text: string): Promise<void>;
  /** The server goes away. */
  hangUp(): void;
  /** Waits for a new connection, answering the questions that come before it. */
  reconnects(): Promise<boolean>;
  /** Types `connect` and a name, and lets it in. Fails the check when that does not work. */
  login(): Promise<void>;
  /** The same from the name on, when it has asked for it. */
  tellName(): Promise<void>;
  /** Types `download` and the name of a file, and serves it. */
  download(file: string, plan?: ServingPlan): Promise<ServingRecord>;
  /** UDP sockets and all else that it has open, where the system tells. */
  openFiles(): number | undefined;
}

export interface ClientBench extends Notes {
  readonly readings: ClientReadings;
  /** What the grader's server offers. */
  readonly files: Readonly<Record<string, Buffer>>;
  /** What the scenario of the check does to parts. */
  readonly fateOf: FateOf;
  /**
   * Starts the client, and answers its questions. Fails the check when it does not connect.
   * @param from what is answered to the question for the own address; 127.0.0.1 by default
   */
  start(from?: string): Promise<ClientSession>;
  /** Whether this machine has the address. */
  hasAddress(host: string): Promise<boolean>;
  /** The same, and it is online. */
  startOnline(): Promise<ClientSession>;
  wait(span: number): Promise<void>;
}

/** The program under test, in a terminal. */
export interface TerminalUnderTest {
  readonly isRunning: boolean;
  /** Milliseconds for which its processes have waited for a processor; 0 where the system does not tell. */
  waited(): number;
  /** How it has ended, in words. */
  readonly end: string | undefined;
  /** All that it has shown, without what moves the cursor. */
  readonly shown: string;
  type(line: string): void;
  /** Calls back whenever something new is shown. @returns ends that */
  onShown(look: () => void): () => void;
  openFiles(): number | undefined;
  /** Ends it, with all that it has started. */
  close(): Promise<void>;
}

export type ClientCheck = Check<ClientBench>;
