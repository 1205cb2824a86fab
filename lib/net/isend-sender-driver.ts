import type { Socket } from 'node:net';
import type { Millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import {
  decodeReply,
  encodeRequest,
  encodeRequestInto,
  instruction,
  type ReplyHead,
} from '../isend/codec.ts';
import { InstructionFramer } from '../isend/framing.ts';
import { IsendError, MAX_PIECE_BYTES, type Request, type ResumeOffer } from '../isend/messages.ts';
import { Sender } from '../isend/sender.ts';
import type { Item, ItemOutcome, SenderEffect } from '../isend/sender-effects.ts';
import { Alarm, now } from './clock.ts';
import type { SourceFile, SourceItem } from './isend-source.ts';
import { openConnection } from './open-connection.ts';
import { PieceBuffers, type Pieces } from './piece-buffers.ts';

const KEEP_ALIVE_MS = 15_000;
/** How long a connection that was ended may take to go. */
const LINGER_MS = 1000;

export interface IsendSenderOptions {
  readonly host: string;
  readonly port: number;
  readonly window: number;
  readonly password: Buffer | undefined;
  /** The next item; `skip`: the folder that was begun last is not wanted, with all that is in it. */
  readonly next: (skip: boolean) => Promise<SourceItem | undefined>;
  readonly onItemEnded: (item: Item, outcome: ItemOutcome) => void;
  /** The file of this item is not any more what it was when it was begun. */
  readonly onChanged: (item: Item) => void;
  /** The next bytes of the file have arrived; `already`: they had been there before. */
  readonly onArrived: (bytes: number, already: boolean) => void;
}

/** The sender on a real socket: it carries out what {@link Sender} says. */
export class IsendSenderDriver {
  readonly #options: IsendSenderOptions;
  readonly #socket: Socket;
  readonly #machine: Sender;
  readonly #framer = new InstructionFramer<ReplyHead>({
    decode: decodeReply,
    isStreamed: () => false,
  });
  readonly #alarm = new Alarm(() => this.#onAlarm());
  readonly #buffers = new PieceBuffers(instruction.size, MAX_PIECE_BYTES);
  /** When the timer rings; it is not set anew for each reply. */
  #armedFor: Millis | undefined;
  #pumping = false;
  #skipFolder = false;
  #file: SourceFile | undefined;
  #item: Item | undefined;
  #position = 0;
  /** What was read, and waits to be sent; in stop and wait, for the receiver. */
  #pieces: Pieces | undefined;
  #heldBytes = 0;
  /** What is being read before it is wanted. */
  #ahead: Promise<{ readonly pieces: Pieces; readonly bytes: number }> | undefined;
  #closed = false;
  #resolve: (failure: string | undefined) => void = () => undefined;
  #linger: NodeJS.Timeout | undefined;

  private constructor(options: IsendSenderOptions, socket: Socket) {
    this.#options = options;
    this.#socket = socket;
    this.#machine = new Sender(options);
    socket.setNoDelay(true);
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    let error: Error | undefined;
    socket.on('error', (cause) => {
      error = cause;
    });
    socket.on('data', (chunk) => this.#onData(chunk));
    const gone = (): void => {
      const why = error === undefined ? '' : ` (${error.message})`;
      this.#run(this.#machine.closed(`the receiver has closed the connection${why}`));
    };
    socket.on('end', gone);
    socket.once('close', () => {
      gone();
      clearTimeout(this.#linger);
    });
  }

  /** @throws Error that says why there is no connection. */
  static async open(options: IsendSenderOptions): Promise<IsendSenderDriver> {
    const { host, port } = options;
    return new IsendSenderDriver(options, await openConnection({ host, port }));
  }

  /**
   * Sends everything that {@link IsendSenderOptions.next} gives.
   * @returns why it could not go on to the end, or `undefined`; what has become of the items was told
   * by {@link IsendSenderOptions.onItemEnded}.
   */
  run(): Promise<string | undefined> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#run(this.#machine.start(now()));
    });
  }

  /** Ends it before all is sent. */
  stop(reason: string): void {
    this.#run(this.#machine.stop(reason, now()));
    // The receiver has to read all that is under way before it can answer.
    setTimeout(() => this.#run(this.#machine.closed(reason)), LINGER_MS).unref();
  }

  #onData(chunk: Buffer): void {
    try {
      for (const framed of this.#framer.push(chunk)) {
        const { type, id, length } = framed.head;
        if (framed.type === 'head' && length > 0) continue;
        const text = framed.type === 'content' ? framed.bytes.toString() : '';
        this.#run(this.#machine.handle({ type, id, text }, now()));
      }
    } catch (error) {
      if (!(error instanceof IsendError)) throw error;
      this.#run(this.#machine.closed('the receiver has answered in another protocol'));
    }
    this.#pump();
  }

  /** Gives what is wanted, as long as something is. */
  #pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    void this.#pumpAll();
  }

  async #pumpAll(): Promise<void> {
    try {
      for (let wish = this.#machine.wants(); wish !== undefined; wish = this.#machine.wants()) {
        if (wish.type === 'item') await this.#giveItem();
        else await this.#givePieces(wish.count);
      }
    } catch (error) {
      this.#run(this.#machine.stop(messageOf(error), now()));
    }
    this.#pumping = false;
  }

  async #giveItem(): Promise<void> {
    const skip = this.#skipFolder;
    this.#skipFolder = false;
    const next = await this.#options.next(skip);
    if (this.#closed) {
      if (next !== undefined && 'file' in next) await next.file.close();
      return;
    }
    if (next !== undefined && 'file' in next) {
      this.#file = next.file;
      this.#item = next.item;
      this.#position = 0;
    }
    this.#run(this.#machine.give(next?.item, now()));
  }

  async #givePieces(count: number): Promise<void> {
    const file = this.#file;
    if (file === undefined) throw new Error('there is no file to be read');
    const { pieces, bytes } = await (this.#ahead ?? this.#read(file, count));
    // The receiver may not want it any more.
    if (this.#file !== file) return;
    this.#ahead = undefined;
    this.#position += bytes;
    // Without its end the receiver does not take it for whole.
    if (bytes < pieces.capacity) throw new Error('a file has become shorter while it was sent');
    const isLast = this.#position >= file.size;
    // While this is on its way, the next ones are read.
    if (!isLast && this.#options.window > 1) this.#readAhead(file, count);
    this.#pieces = pieces;
    this.#run(this.#machine.pieces(pieces.lengthsOf(bytes), isLast, now()));
    if (!isLast) return;
    this.#file = undefined;
    if (!file.isUnchanged() && this.#item !== undefined) this.#options.onChanged(this.#item);
    leave(file);
  }

  async #read(file: SourceFile, count: number): Promise<{ pieces: Pieces; bytes: number }> {
    const left = file.size - this.#position;
    const pieces = this.#buffers.take(Math.min(count * MAX_PIECE_BYTES, left));
    return { pieces, bytes: pieces.capacity === 0 ? 0 : await file.read(pieces.contents) };
  }

  #readAhead(file: SourceFile, count: number): void {
    this.#ahead = this.#read(file, count);
    // Whoever sends it hears of a failure.
    this.#ahead.catch(() => undefined);
  }

  #run(effects: readonly SenderEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
    const at = this.#machine.nextTimeout();
    const isEarlier = at !== undefined && (this.#armedFor === undefined || at < this.#armedFor);
    if (isEarlier && !this.#closed) this.#arm();
  }

  #carryOut(effect: SenderEffect): void {
    switch (effect.type) {
      case 'send':
        this.#send(effect.request, effect.content);
        return;
      case 'send-content':
        this.#socket.write(effect.content);
        return;
      case 'send-pieces':
        this.#sendPieces(effect.requests, effect.alone);
        return;
      case 'send-held-piece':
        this.#sendHeldPiece();
        return;
      case 'established':
        // Items are wanted now.
        return;
      case 'check-offer':
        void this.#checkOffer(effect.offer);
        return;
      case 'drop-file':
        this.#dropFile();
        return;
      case 'arrived':
        this.#options.onArrived(effect.bytes, false);
        return;
      case 'item-ended':
        if (effect.item.type === 'folder') this.#skipFolder = true;
        this.#options.onItemEnded(effect.item, effect.outcome);
        return;
      case 'close':
        this.#close(effect.failure);
        return;
      default:
        assertNever(effect);
    }
  }

  #send(request: Request, content: Buffer | undefined): void {
    const head = encodeRequest(request);
    this.#socket.write(content === undefined ? head : Buffer.concat([head, content]));
  }

  #sendPieces(requests: readonly Request[], alone: boolean): void {
    const pieces = this.#pieces;
    if (pieces === undefined) throw new Error('nothing was read');
    if (alone) {
      for (const request of requests) {
        this.#send(request, undefined);
        this.#heldBytes = request.length;
      }
      return;
    }
    requests.forEach((request, index) => {
      encodeRequestInto(pieces.bytes, pieces.headOf(index), request);
    });
    this.#write(pieces.bytes.subarray(0, pieces.endOf(requests)), pieces);
  }

  #sendHeldPiece(): void {
    const pieces = this.#pieces;
    if (pieces !== undefined) this.#write(pieces.content.subarray(0, this.#heldBytes), pieces);
  }

  /** The memory is used again when the system has taken what is in it. */
  #write(bytes: Buffer, pieces: Pieces): void {
    this.#pieces = undefined;
    this.#socket.write(bytes, () => this.#buffers.giveBack(pieces));
  }

  async #checkOffer({ offset, sha256 }: ResumeOffer): Promise<void> {
    const file = this.#file;
    const isSame = (await file?.sha256(offset).catch(() => undefined)) === sha256;
    if (file === undefined || file !== this.#file) return;
    if (isSame) {
      file.goTo(offset);
      this.#position = offset;
      this.#options.onArrived(offset, true);
    }
    this.#run(this.#machine.goOn(isSame ? offset : undefined, now()));
    this.#pump();
  }

  #dropFile(): void {
    const file = this.#file;
    this.#file = undefined;
    this.#pieces = undefined;
    this.#ahead = undefined;
    if (file !== undefined) leave(file);
  }

  #arm(): void {
    this.#armedFor = this.#machine.nextTimeout();
    this.#alarm.set(this.#armedFor);
  }

  #onAlarm(): void {
    this.#armedFor = undefined;
    this.#run(this.#machine.onTimeout(now()));
  }

  #close(failure: string | undefined): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#alarm.clear();
    this.#dropFile();
    this.#socket.end();
    this.#linger = setTimeout(() => this.#socket.destroy(), LINGER_MS);
    this.#resolve(failure);
  }
}

/** Nothing depends on how a file that was only read is closed. */
function leave(file: SourceFile): void {
  file.close().catch(() => undefined);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
