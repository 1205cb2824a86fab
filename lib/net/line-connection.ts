import type { Socket } from 'node:net';
import { after, earliest, type Millis, millis } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import { LineFramer } from '../core/line-framer.ts';
import { Alarm, now } from './clock.ts';

/** A peer that leaves this much unread is cut off: what waits for it would grow without bound. */
const MAX_UNREAD_BYTES = 1_048_576;
/** A line that has begun has to end within this time. */
const LINE_TIME = millis(30_000);
/** How long a connection that was ended may take to go. */
const LINGER_MS = 1000;
/** How long a silent connection is left alone before the system asks whether it still is one. */
export const KEEP_ALIVE_MS = 15_000;

export interface LineConnectionOptions {
  readonly socket: Socket;
  readonly maxLineBytes: number;
  readonly onLine: (line: string) => void;
  /** Whether the next line has to wait; {@link LineConnection.goOn} ends that. */
  readonly isBusy?: () => boolean;
  readonly onTooLong: () => void;
  /** A line was begun and has not ended in time. */
  readonly onSlowLine: () => void;
  /** The time that {@link LineConnection.setDeadline} named has come. */
  readonly onDeadline?: () => void;
  /** Called once, whoever ended it; with the error if it broke. */
  readonly onClosed: (error: Error | undefined) => void;
}

/** A TCP connection that carries lines of text. */
export class LineConnection {
  readonly #options: LineConnectionOptions;
  readonly #socket: Socket;
  readonly #framer: LineFramer;
  readonly #alarm = new Alarm(() => this.#onAlarm());
  #inbox: string[] = [];
  #outbox = '';
  #flush: NodeJS.Immediate | undefined;
  #deadline: Millis | undefined;
  #lineDeadline: Millis | undefined;
  #tooLong = false;
  #peerEnded = false;
  /** Nothing more is said, nor heard. */
  #ending = false;
  #linger: NodeJS.Timeout | undefined;
  #error: Error | undefined;

  constructor(options: LineConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#framer = new LineFramer(options.maxLineBytes);
    this.#socket.setNoDelay(true);
    // A peer whose machine is gone sends no FIN; this finds out.
    this.#socket.setKeepAlive(true, KEEP_ALIVE_MS);
    this.#socket.on('data', (chunk) => this.#onData(chunk));
    this.#socket.on('end', () => {
      this.#peerEnded = true;
      this.#handleAll();
    });
    this.#socket.on('error', (error) => {
      this.#error = error;
    });
    this.#socket.on('close', () => {
      this.#ending = true;
      this.#alarm.clear();
      clearTimeout(this.#linger);
      clearImmediate(this.#flush);
      options.onClosed(this.#error);
    });
  }

  send(text: string): void {
    if (this.#ending) return;
    this.#outbox += text;
    if (this.#outbox.length + this.#socket.writableLength > MAX_UNREAD_BYTES) {
      this.destroy(new Error('it does not read what it is sent'));
      return;
    }
    // All that is said in one turn of the event loop leaves in one write.
    this.#flush ??= setImmediate(() => this.#write());
  }

  setDeadline(at: Millis | undefined): void {
    this.#deadline = at;
    this.#arm();
  }

  /** What made the next line wait is over. */
  goOn(): void {
    this.#handleAll();
  }

  /** Ends the connection once what waits is written; cuts it off if the peer is too slow. */
  end(): void {
    if (this.#ending) return;
    this.#write();
    this.#ending = true;
    this.#inbox = [];
    this.#alarm.clear();
    this.#socket.end();
    // What still comes is read away, so that the last words are not lost in a reset.
    this.#socket.resume();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  destroy(error?: Error): void {
    this.#ending = true;
    this.#error ??= error;
    this.#socket.destroy();
  }

  #write(): void {
    clearImmediate(this.#flush);
    this.#flush = undefined;
    if (this.#ending || this.#outbox === '') return;
    this.#socket.write(this.#outbox);
    this.#outbox = '';
  }

  #onData(chunk: Buffer): void {
    if (this.#ending || this.#tooLong) return;
    const before = this.#inbox.length;
    try {
      for (const line of this.#framer.push(chunk)) this.#inbox.push(line);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#tooLong = true;
    }
    if (this.#inbox.length > before) this.#lineDeadline = undefined;
    const partial = this.#framer.pendingBytes > 0 && !this.#tooLong;
    this.#lineDeadline = partial ? (this.#lineDeadline ?? after(now(), LINE_TIME)) : undefined;
    this.#handleAll();
  }

  #handleAll(): void {
    const { isBusy, onLine, onTooLong } = this.#options;
    while (!this.#ending && !isBusy?.()) {
      const line = this.#inbox.shift();
      if (line !== undefined) onLine(line);
      else break;
    }
    if (this.#ending) return;
    if (this.#inbox.length > 0) this.#socket.pause();
    else {
      if (this.#tooLong) onTooLong();
      // What was asked is answered; but who has gone is not waited for by others.
      else if (this.#peerEnded) this.end();
      if (!this.#ending && this.#socket.isPaused()) this.#socket.resume();
    }
    this.#arm();
  }

  #onAlarm(): void {
    const time = now();
    if (this.#lineDeadline !== undefined && time >= this.#lineDeadline) {
      this.#lineDeadline = undefined;
      this.#options.onSlowLine();
    } else if (this.#deadline !== undefined && time >= this.#deadline) {
      this.#deadline = undefined;
      this.#options.onDeadline?.();
    }
    this.#arm();
  }

  #arm(): void {
    if (this.#ending) return;
    this.#alarm.set(earliest(this.#deadline, this.#lineDeadline));
  }
}
