import { assertNever, ProtocolError } from '../core/errors.ts';
import { Offer, type OfferEffect, type OfferInput, type Outcome } from '../lan/offer.ts';
import {
  decodeDataAnswer,
  encodeDataHeader,
  encodeEvent,
  MAX_OBJECT_BYTES,
} from '../lanshare/codec.ts';
import { failureOf } from '../lanshare/failure.ts';
import type { Event, PeerMessage, Person } from '../lanshare/messages.ts';
import { Alarm, now } from './clock.ts';
import { ObjectStream } from './object-stream.ts';
import { openConnection } from './open-connection.ts';
import { type PourSource, pour } from './pour.ts';
import { sendObject } from './single-object.ts';
import { TransferReports } from './transfer-reports.ts';

/** A file of this user that is offered. */
export interface UploadFile extends AsyncDisposable {
  readonly name: string;
  readonly source: PourSource;
  /** In hex. */
  sha256(): Promise<string>;
}

type Answer = Extract<PeerMessage, { readonly type: 'acceptance' | 'rejection' | 'request' }>;

export interface LanshareUploadOptions {
  readonly username: string;
  readonly peer: Person;
  readonly dir: string;
  readonly file: UploadFile;
  /** Where engines hear each other. */
  readonly tcpPort: number;
  /** The address to connect from. */
  readonly localAddress: string | undefined;
  readonly onEvent: (event: Event) => void;
}

/** A file that somebody is asked to take, and its way to him: carries out what {@link Offer} says. */
export class LanshareUpload {
  readonly #options: LanshareUploadOptions;
  readonly #machine: Offer;
  readonly #alarm = new Alarm(() => this.#run(this.#machine.onTimeout(now())));
  readonly #reports: TransferReports;
  #peer: Person;
  #resolve: () => void = () => undefined;
  #arrived = false;
  readonly #stopped = new AbortController();
  /** Of the transfer, once there is one. */
  #port: number | undefined;
  #stream: ObjectStream | undefined;
  #sha256: Promise<string> | undefined;

  constructor(options: LanshareUploadOptions) {
    this.#options = options;
    this.#peer = options.peer;
    this.#machine = new Offer(options.file.source.size, now());
    this.#reports = new TransferReports((report) => {
      this.#tell({ type: 'progress', step: 'sending', ...this.#about(), ...report });
    });
  }

  get peer(): Person {
    return this.#peer;
  }

  get dir(): string {
    return this.#options.dir;
  }

  get port(): number | undefined {
    return this.#port;
  }

  /** Resolves when it is over, in whatever way. */
  async run(): Promise<void> {
    const over = new Promise<void>((resolve) => {
      this.#resolve = resolve;
    });
    this.#run(this.#machine.start());
    await over;
  }

  /** He has answered. @returns why that is no answer to this. */
  answer(message: Answer): string | undefined {
    if (!this.#machine.isAsking) return 'it was answered before';
    this.#hasArrived();
    // By now he has said who he is.
    this.#peer = message.person;
    if (message.type === 'acceptance') {
      this.#port = message.port;
      this.#tell({ ...message, file: this.#file });
      this.#handle({ type: 'agreed' });
      void this.#transfer(message.port);
    } else this.#handle({ type: 'refused' });
    return undefined;
  }

  /** He is not heard any more. */
  peerLeft(): void {
    this.#run(this.#machine.peerLeft(now()));
  }

  stop(reason: string): void {
    this.#fail(reason);
  }

  get #file() {
    const { dir, file } = this.#options;
    return { dir, name: file.name, size: file.source.size };
  }

  #about() {
    const { dir, size } = this.#file;
    return { person: this.peer, port: this.#port ?? 0, dir, total: size };
  }

  #handle(input: OfferInput): void {
    try {
      this.#run(this.#machine.handle(input, now()));
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail(`the receiver does not keep to the protocol (${error.message})`);
    }
  }

  #run(effects: readonly OfferEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    this.#alarm.set(this.#machine.nextTimeout());
  }

  #carryOut(effect: OfferEffect): void {
    switch (effect.type) {
      case 'ask':
        void this.#ask();
        return;
      case 'send-file':
        void this.#pour(effect.offset);
        return;
      case 'over':
        this.#end(effect.outcome);
        return;
      default:
        assertNever(effect);
    }
  }

  async #ask(): Promise<void> {
    const { username, tcpPort, localAddress } = this.#options;
    const target = { host: this.peer.ip, port: tcpPort, localAddress };
    try {
      await sendObject(target, (ip) =>
        encodeEvent({
          ...{ type: 'request', step: 'received' },
          ...{ person: { username, ip }, file: this.#file },
        }),
      );
      this.#hasArrived();
    } catch (error) {
      // When he has answered, it has arrived, however the connection ended.
      if (!this.#arrived) this.#fail(`the request did not arrive: ${(error as Error).message}`);
    }
  }

  #hasArrived(): void {
    if (this.#arrived || !this.#machine.isAsking) return;
    this.#arrived = true;
    this.#tell({ type: 'request', step: 'sent', person: this.peer, file: this.#file });
    // While his user thinks about it.
    this.#sha256 = this.#options.file.sha256();
    this.#sha256.catch(() => undefined);
  }

  async #transfer(port: number): Promise<void> {
    const { file, localAddress } = this.#options;
    try {
      const socket = await openConnection(
        { ...{ host: this.peer.ip, port }, ...(localAddress !== undefined && { localAddress }) },
        this.#stopped.signal,
      );
      if (this.#stopped.signal.aborted) return void socket.destroy();
      const stream = new ObjectStream({
        socket,
        maxBytes: MAX_OBJECT_BYTES,
        onObject: (text) => this.#onAnswer(text),
        onFault: () => this.#fail('the receiver answers in another protocol'),
        onEnd: () => this.#fail('the receiver has closed the connection'),
        onClosed: (error) => {
          const why = error === undefined ? '' : ` (${error.message})`;
          this.#fail(`the receiver has closed the connection${why}`);
        },
      });
      this.#stream = stream;
      const sha256 = (await this.#sha256) ?? '';
      stream.send(encodeDataHeader({ name: file.name, size: file.source.size, sha256 }));
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #onAnswer(text: string): void {
    try {
      const answer = decodeDataAnswer(text);
      if (answer.type === 'offset') this.#handle({ type: 'accepted', offset: answer.offset });
      else {
        const problem = answer.type === 'failed' ? answer.reason : undefined;
        this.#handle({ type: 'verdict', problem });
      }
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#fail('the receiver answers in another protocol');
    }
  }

  async #pour(offset: number): Promise<void> {
    const stream = this.#stream;
    if (stream === undefined) return;
    this.#reports.start(offset);
    let before = offset;
    try {
      await pour(stream.socket, this.#options.file.source, offset, (position) => {
        this.#machine.moved(position - before, now());
        before = position;
        this.#reports.moved(position);
      });
      this.#machine.allSent(now());
      this.#run([]);
    } catch (error) {
      this.#fail(error instanceof Error ? error.message : String(error));
    }
  }

  #fail(reason: string): void {
    this.#run(this.#machine.fail(reason));
  }

  #end(outcome: Outcome): void {
    this.#reports.stop();
    this.#stopped.abort();
    // What is under way need not be read, when it is not wanted any more.
    if (outcome.type === 'failed') this.#stream?.reset();
    else this.#stream?.end();
    const { person, port, total } = this.#about();
    if (outcome.type === 'received') this.#tell({ type: 'done', person, port, total });
    if (outcome.type === 'refused') {
      this.#tell({ type: 'rejection', step: 'received', person, file: this.#file });
    }
    if (outcome.type === 'failed') this.#tellFailure(outcome.reason);
    this.#resolve();
  }

  #tellFailure(reason: string): void {
    const failed: Event =
      this.#port === undefined
        ? { type: 'request', step: 'failed', person: this.peer, file: this.#file }
        : { type: 'progress', step: 'failed', ...this.#about(), ...this.#reports.last };
    this.#tell(failed, reason);
  }

  #tell(event: Event, reason?: string): void {
    if (reason !== undefined)
      this.#options.onEvent(failureOf(event, this.peer.ip, this.dir, reason));
    this.#options.onEvent(event);
  }
}
