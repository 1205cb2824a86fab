import type { Socket } from 'node:net';
import { assertNever, ProtocolError } from '../core/errors.ts';
import { Offer, type OfferEffect, type Outcome } from '../lan/offer.ts';
import { decodeMessage, encodeMessage, MAX_MESSAGE_BYTES } from '../sent/codec.ts';
import type { FileInfo, Message, User } from '../sent/messages.ts';
import { answerOf } from '../sent/turns.ts';
import { Alarm, now } from './clock.ts';
import { ObjectStream } from './object-stream.ts';
import { openConnection } from './open-connection.ts';
import { type PourSource, pour } from './pour.ts';

export interface OfferingOptions {
  readonly from: User;
  /** The address to connect from. */
  readonly localAddress: string | undefined;
  /** All who are asked for it. */
  readonly receivers: readonly User[];
  /** The one that this is about; his address is that of his datagrams. */
  readonly to: User;
  readonly port: number;
  readonly file: FileInfo;
  readonly source: PourSource;
  readonly signal: AbortSignal;
  /** He has said yes, and has so many bytes already. */
  readonly onAccepted: (offset: number) => void;
  readonly onProgress: (position: number) => void;
}

/** A file on its way to one peer: it carries out what {@link Offer} says. */
export class SentOffering {
  readonly options: OfferingOptions;
  readonly #machine: Offer;
  readonly #alarm = new Alarm(() => this.#run(this.#machine.onTimeout(now())));
  #stream: ObjectStream | undefined;
  #resolve: (outcome: Outcome) => void = () => undefined;

  constructor(options: OfferingOptions) {
    this.options = options;
    this.#machine = new Offer(options.file.size, now());
  }

  /** Resolves when it is over, in whatever way. */
  async run(): Promise<Outcome> {
    const { to, port, localAddress, signal } = this.options;
    const outcome = new Promise<Outcome>((resolve) => {
      this.#resolve = resolve;
    });
    const abort = (): void => this.#run(this.#machine.fail('it was stopped'));
    signal.addEventListener('abort', abort, { once: true });
    try {
      const socket = await openConnection(
        { host: to.ip, port, ...(localAddress !== undefined && { localAddress }) },
        signal,
      );
      if (signal.aborted) socket.destroy();
      else {
        this.#listenTo(socket);
        this.#run(this.#machine.start());
      }
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      this.#run(this.#machine.fail(`there is no connection: ${why}`));
    }
    const result = await outcome;
    signal.removeEventListener('abort', abort);
    return result;
  }

  /** He answers on a connection of his own. */
  adopt(stream: ObjectStream, message: Message): void {
    const earlier = this.#stream;
    this.#stream = stream;
    earlier?.end();
    this.handle(message);
  }

  handle(message: Message): void {
    try {
      this.#run(this.#machine.handle(answerOf(message), now()));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#run(
        this.#machine.fail(`the receiver does not keep to the protocol (${error.message})`),
      );
    }
  }

  /** He is not heard any more. */
  peerLeft(): void {
    this.#run(this.#machine.peerLeft(now()));
  }

  /** The connection of `stream` is gone. */
  lost(stream: ObjectStream, error: Error | undefined): void {
    if (stream !== this.#stream) return;
    // He may answer on a connection of his own.
    if (error === undefined && this.#machine.isAsking) return;
    const why = error === undefined ? '' : ` (${error.message})`;
    this.#run(this.#machine.fail(`the receiver has closed the connection${why}`));
  }

  #listenTo(socket: Socket): void {
    const stream: ObjectStream = new ObjectStream({
      socket,
      maxBytes: MAX_MESSAGE_BYTES,
      onObject: (text) => this.onObject(text),
      onFault: () => this.#run(this.#machine.fail('the receiver answers in another protocol')),
      onEnd: () => this.#onEnd(stream),
      onClosed: (error) => this.lost(stream, error),
    });
    this.#stream = stream;
  }

  #onEnd(stream: ObjectStream): void {
    // Otherwise it would be told after a while only.
    this.lost(stream, undefined);
    stream.end();
  }

  /** What he says on the connection. */
  onObject(text: string): void {
    let message: Message;
    try {
      message = decodeMessage(text);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#run(this.#machine.fail('the receiver answers in another protocol'));
      return;
    }
    this.handle(message);
  }

  #run(effects: readonly OfferEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    this.#alarm.set(this.#machine.nextTimeout());
  }

  #carryOut(effect: OfferEffect): void {
    const { from, to, receivers, file } = this.options;
    switch (effect.type) {
      case 'ask':
        this.#say({ type: 'ask', sender: from, receivers, file });
        return;
      case 'send-file':
        this.options.onAccepted(effect.offset);
        this.#say({ type: 'file', sender: from, receiver: to, file, offset: effect.offset });
        void this.#pour(effect.offset);
        return;
      case 'over':
        // What is under way need not be read, when it is not wanted any more.
        if (effect.outcome.type === 'failed') this.#stream?.reset();
        else this.#stream?.end();
        this.#resolve(effect.outcome);
        return;
      default:
        assertNever(effect);
    }
  }

  async #pour(offset: number): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    let before = offset;
    try {
      await pour(stream.socket, this.options.source, offset, (position) => {
        this.#machine.moved(position - before, now());
        before = position;
        this.options.onProgress(position);
      });
      this.#machine.allSent(now());
      this.#run([]);
    } catch (error) {
      // Without all bytes he does not take it for whole.
      this.#run(this.#machine.fail(error instanceof Error ? error.message : String(error)));
    }
  }

  #say(message: Message): void {
    this.#stream?.send(encodeMessage(message, new Date()));
  }
}
