import type { Socket } from 'node:net';
import { type Framing, Outbox, PeerFramer, type PeerFramerOptions } from '../commands/framing.ts';
import type { ClassroomError } from '../commands/messages.ts';
import { earliest, type Millis, millis } from '../core/brands.ts';
import { ProtocolError } from '../core/errors.ts';
import { Alarm, now } from './clock.ts';
import { explainNext } from './tap.ts';

/** A peer that leaves this much unread is cut off: what waits for it would grow without bound. */
const MAX_UNREAD_BYTES = 1_048_576;
/** Above this, nothing more is read from a peer until it has read its answers. */
const PAUSE_ABOVE_BYTES = 65_536;
/** How long a connection that was ended may take to go. */
const LINGER = millis(1000);
/** How long the last answers are waited for. */
const LAST_ANSWERS = millis(2000);

export interface PeerConnectionOptions {
  readonly socket: Socket;
  readonly framer: PeerFramerOptions;
  /** One message; the next one waits until this has resolved. */
  readonly onMessage: (text: string, framing: Framing) => Promise<void> | void;
  readonly onTooLong: (error: ClassroomError) => void;
  /** The time that {@link PeerConnection.setDeadline} named has come. */
  readonly onDeadline: () => void;
  /** Called once, whoever ended it; with the error if it broke. */
  readonly onClosed: (error: Error | undefined) => void;
}

/** One TCP connection of the classroom protocol, of either side: messages in, messages out. */
export class PeerConnection {
  readonly #options: PeerConnectionOptions;
  readonly #socket: Socket;
  readonly #framer: PeerFramer;
  readonly #outbox: Outbox;
  readonly #alarm = new Alarm(() => this.#onAlarm());
  readonly #inbox: string[] = [];
  #handling = false;
  #deadline: Millis | undefined;
  /** Nothing more is said, nor heard. */
  #ending = false;
  /** Nothing more is said. */
  #finishing = false;
  #error: Error | undefined;
  #linger: NodeJS.Timeout | undefined;
  #flush: NodeJS.Immediate | undefined;

  constructor(options: PeerConnectionOptions) {
    this.#options = options;
    this.#socket = options.socket;
    this.#framer = new PeerFramer(options.framer);
    this.#outbox = new Outbox(this.#framer.framing);
    this.#socket.setNoDelay(true);
    // A peer whose machine is gone sends no FIN; this finds out.
    this.#socket.setKeepAlive(true, 15_000);
    this.#socket.on('data', (chunk) => this.#onData(chunk));
    this.#socket.on('drain', () => this.#resume());
    this.#socket.on('end', () => this.#onEnd());
    this.#socket.on('error', (error) => {
      // A peer that was said goodbye to may be gone before the last word.
      if (!this.#ending) this.#error = error;
    });
    this.#socket.on('close', () => {
      this.#alarm.clear();
      clearTimeout(this.#linger);
      options.onClosed(this.#error);
    });
  }

  /** Whether messages still wait to be written. */
  get backedUp(): boolean {
    return this.#outbox.queuedBytes > 0 || this.#socket.writableLength > 0;
  }

  send(text: string): void {
    if (this.#ending || this.#finishing) return;
    this.#outbox.push(text);
    if (this.#outbox.queuedBytes + this.#socket.writableLength > MAX_UNREAD_BYTES) {
      this.destroy(new Error('it does not read what it is sent'));
      return;
    }
    // All that is said in one turn of the event loop leaves in one write: in a full house, where
    // everybody hears everybody, that is most of the work.
    this.#flush ??= setImmediate(() => {
      this.#flush = undefined;
      this.#settle();
    });
  }

  /** For who records it: what is known of what is said next. */
  explainNext(text: string): void {
    explainNext(this.#socket, text);
  }

  /** {@link PeerConnectionOptions.onDeadline} is called then; `undefined` for never. */
  setDeadline(at: Millis | undefined): void {
    this.#deadline = at;
    this.#arm();
  }

  /** Ends the connection once what waits is written; cuts it off if the peer is too slow. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#deadline = undefined;
    this.#inbox.length = 0;
    clearTimeout(this.#linger);
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER);
    this.#settle();
  }

  /** Says nothing more, hears what the peer still says, and goes when the peer does. */
  finish(patience = LAST_ANSWERS): void {
    if (this.#ending || this.#finishing) return;
    this.#finishing = true;
    this.#linger = setTimeout(() => this.#socket.destroy(), patience);
    this.#settle();
  }

  /** Says `text` in place of all that still waits, and ends. */
  endWith(text: string): void {
    this.#outbox.clear();
    this.send(text);
    this.end();
  }

  destroy(error?: Error): void {
    this.#ending = true;
    this.#error ??= error;
    this.#socket.destroy();
  }

  #onData(chunk: Buffer): void {
    if (this.#ending) return;
    this.#take(this.#framer.push(chunk, now()));
  }

  #onEnd(): void {
    if (!this.#ending) this.#take(this.#framer.end());
    // Half-open connections are no use in this protocol. What was asked is still answered.
    if (!this.#handling) this.end();
  }

  #onAlarm(): void {
    this.#take(this.#framer.onTimeout(now()));
    if (this.#deadline !== undefined && now() >= this.#deadline) {
      this.#deadline = undefined;
      this.#options.onDeadline();
    }
    this.#settle();
  }

  #take(messages: Iterable<string>): void {
    try {
      for (const message of messages) this.#inbox.push(message);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#handleAll().then(() => this.#options.onTooLong(error as ClassroomError));
      return;
    }
    void this.#handleAll();
  }

  async #handleAll(): Promise<void> {
    this.#outbox.framing = this.#framer.framing;
    if (this.#handling) {
      this.#pauseIfBusy();
      return;
    }
    this.#handling = true;
    for (;;) {
      const text = this.#inbox.shift();
      if (text === undefined || this.#ending) break;
      const handled = this.#options.onMessage(text, this.#framer.framing ?? 'bare');
      if (handled !== undefined) await handled;
      if (this.#socket.writableLength > PAUSE_ABOVE_BYTES) await this.#drained();
    }
    this.#handling = false;
    this.#resume();
    if (this.#socket.readableEnded) this.end();
    this.#settle();
  }

  /** Resolves when the peer has read, or is gone. */
  #drained(): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done);
        this.#socket.off('close', done);
        resolve();
      };
      this.#socket.on('drain', done);
      this.#socket.on('close', done);
      if (this.#socket.destroyed) done();
    });
  }

  #pauseIfBusy(): void {
    if (this.#inbox.length > 0) this.#socket.pause();
  }

  #resume(): void {
    if (!this.#handling && this.#socket.isPaused()) this.#socket.resume();
  }

  /** Writes what may go, and sets the timer for what comes next. */
  #settle(): void {
    if (this.#socket.destroyed) return;
    const due = [...this.#outbox.take(now())].join('');
    if (due !== '') this.#socket.write(due);
    const last = this.#ending || this.#finishing;
    if (last && this.#outbox.nextTimeout() === undefined) this.#socket.end();
    this.#arm();
  }

  #arm(): void {
    if (this.#socket.destroyed) return;
    this.#alarm.set(
      earliest(
        this.#ending ? undefined : earliest(this.#framer.nextTimeout(), this.#deadline),
        this.#outbox.nextTimeout(),
      ),
    );
  }
}
