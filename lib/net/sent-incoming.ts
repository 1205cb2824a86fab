import { assertNever, ProtocolError } from '../core/errors.ts';
import { Request, type RequestEffect } from '../lan/request.ts';
import { decodeMessage, encodeMessage } from '../sent/codec.ts';
import type { FileInfo, Message, User } from '../sent/messages.ts';
import { offerOf } from '../sent/turns.ts';
import { Alarm, now } from './clock.ts';
import { type OfferedSink, takeInto } from './intake.ts';
import type { ObjectStream } from './object-stream.ts';

export interface IncomingOptions {
  readonly stream: ObjectStream;
  /** This peer, and where the connection comes from. */
  readonly self: User;
  readonly address: string;
  /** Why somebody of that name cannot be there. */
  readonly whyNot: (address: string, name: string) => string | undefined;
  /** Whether the user wants it; `undefined`: he cannot be asked. */
  readonly decide: (sender: User, file: FileInfo, expired: AbortSignal) => Promise<boolean>;
  readonly openSink: (sender: User, file: FileInfo) => Promise<OfferedSink>;
  readonly describe: (error: unknown) => string;
  /** `problem`: why there is no file. */
  readonly onOver: (sender: User | undefined, file: FileInfo | undefined, problem?: string) => void;
}

/** A file that somebody offers on a connection of his: it carries out what {@link Request} says. */
export class SentIncoming {
  readonly #options: IncomingOptions;
  readonly #machine = new Request(now());
  readonly #alarm = new Alarm(() => this.#run(this.#machine.onTimeout(now())));
  readonly #expired = new AbortController();
  #sender: User | undefined;
  #file: FileInfo | undefined;
  #sink: OfferedSink | undefined;
  /** Resolves when there is a sink, or cannot be one. */
  #opening: Promise<void> = Promise.resolve();
  #finish: () => void = () => undefined;
  /** Resolves when it is over and nothing is written any more. */
  readonly ended = new Promise<void>((resolve) => {
    this.#finish = resolve;
  });
  #receiving = false;
  /** Bytes that have not come yet. */
  #left = 0;
  #over = false;

  constructor(options: IncomingOptions) {
    this.#options = options;
    this.#run([]);
  }

  onObject(text: string): void {
    try {
      const message = decodeMessage(text);
      const input = offerOf(message);
      if (message.type === 'ask') this.#meet(message.sender, message.file);
      this.#run(this.#machine.handle(input, now()));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#run(this.#machine.fail(`that is not understood (${error.message})`));
    }
  }

  /** What came is no object. */
  onFault(): void {
    const why = this.#receiving ? 'more came than was offered' : 'that is no message';
    this.#run(this.#machine.fail(why));
  }

  closed(error: Error | undefined): void {
    const why = error === undefined ? '' : ` (${error.message})`;
    this.#run(this.#machine.fail(`the sender has closed the connection${why}`));
  }

  /** He has nothing more to say: it is well when all bytes are there. */
  onEnd(): void {
    if (this.#left > 0 || !this.#receiving) this.closed(undefined);
  }

  /** This side ends it. */
  stop(): void {
    this.#sink?.cancel();
    this.#run(this.#machine.fail('the receiver has stopped it'));
  }

  /** Somebody else goes on with the connection. */
  release(): void {
    this.#over = true;
    this.#finish();
    this.#alarm.clear();
  }

  #run(effects: readonly RequestEffect[]): void {
    if (this.#over) return;
    for (const effect of effects) this.#carryOut(effect);
    this.#alarm.set(this.#over ? undefined : this.#machine.nextTimeout());
  }

  #carryOut(effect: RequestEffect): void {
    switch (effect.type) {
      case 'ask-user':
        void this.#ask();
        return;
      case 'stop-asking':
        this.#expired.abort();
        return;
      case 'say':
        this.#say(effect);
        return;
      case 'receive':
        void this.#receive(effect);
        return;
      case 'check':
        void this.#check();
        return;
      case 'over':
        this.#end(effect.reason);
        return;
      default:
        assertNever(effect);
    }
  }

  #meet({ name }: User, file: FileInfo): void {
    if (this.#file !== undefined) return;
    // What he says of his address is not asked.
    this.#sender = { name, ip: this.#options.address };
    this.#file = file;
  }

  async #ask(): Promise<void> {
    const { decide, describe, whyNot } = this.#options;
    const [sender, file] = [this.#sender, this.#file];
    if (sender === undefined || file === undefined) throw new Error('nothing was offered');
    const lie = whyNot(sender.ip, sender.name);
    if (lie !== undefined) return this.#run(this.#machine.fail(lie));
    try {
      const wanted = await decide(sender, file, this.#expired.signal);
      if (this.#over) return;
      if (wanted) await this.#open(sender, file);
      this.#run(this.#machine.decided(this.#sink?.offset, now()));
    } catch (error) {
      this.#run(this.#machine.fail(describe(error)));
    }
  }

  #open(sender: User, file: FileInfo): Promise<void> {
    const opening = this.#options.openSink(sender, file).then((sink) => {
      this.#sink = sink;
    });
    this.#opening = opening.catch(() => undefined);
    return opening;
  }

  async #receive(range: { readonly offset: number; readonly length: number }): Promise<void> {
    const { stream, describe } = this.#options;
    if (this.#sink === undefined) throw new Error('there is no place for it');
    this.#receiving = true;
    this.#left = range.length;
    try {
      await takeInto(stream, this.#sink, range, (bytes) => {
        this.#machine.moved(bytes);
        this.#left -= bytes;
      });
      this.#run(this.#machine.complete());
    } catch (error) {
      this.#run(this.#machine.fail(describe(error)));
    }
  }

  async #check(): Promise<void> {
    const { describe } = this.#options;
    const problem = await this.#sink?.finish().catch((error: unknown) => describe(error));
    this.#run(this.#machine.checked(problem));
  }

  #say({ message: type, offset, reason }: Extract<RequestEffect, { type: 'say' }>): void {
    const { stream, self } = this.#options;
    if (this.#sender === undefined || this.#file === undefined) return;
    const about = { sender: this.#sender, receiver: self, file: this.#file };
    const message: Message =
      type === 'accept'
        ? { type, ...about, offset: offset ?? 0 }
        : type === 'failed'
          ? { type, ...about, reason: reason ?? '' }
          : { type, ...about };
    stream.send(encodeMessage(message, new Date()));
  }

  #end(problem: string | undefined): void {
    this.#over = true;
    this.#options.stream.end();
    void this.#opening
      .then(() => this.#sink?.end())
      .catch(() => undefined)
      .then(() => {
        this.#options.onOver(this.#sender, this.#file, problem);
        this.#finish();
      });
  }
}
