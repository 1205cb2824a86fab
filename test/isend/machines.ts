/** Both machines on the two ends of a wire in memory, with a storage in memory. */
import { millis } from '../../lib/core/brands.ts';
import { decodeRequest, encodeReply, encodeRequest } from '../../lib/isend/codec.ts';
import { InstructionFramer } from '../../lib/isend/framing.ts';
import type { Reply, Request } from '../../lib/isend/messages.ts';
import { Receiver } from '../../lib/isend/receiver.ts';
import type { ReceiverEffect, Stored } from '../../lib/isend/receiver-effects.ts';

export const START = millis(1000);

/** A receiver that stores in memory and writes down what happens. */
export class ReceiverUnderTest {
  readonly machine = new Receiver(START);
  readonly framer = new InstructionFramer<Request>({
    decode: decodeRequest,
    isStreamed: ({ type }) => type === 'file-content',
  });
  /** What happened, in words; neighbouring writes are one. */
  readonly log: string[] = [];
  readonly replies: Reply[] = [];
  refusal: string | undefined;
  #taken = 0;
  /** What the storage says to an effect, if not that it is done. */
  say: (effect: ReceiverEffect) => Stored | undefined = () => undefined;
  now = START;

  push(bytes: Buffer): void {
    this.machine.heard(bytes.length);
    try {
      for (const framed of this.framer.push(bytes)) this.run(this.machine.handle(framed, this.now));
    } catch (error) {
      this.run(this.machine.malformed(error));
    }
  }

  /** The replies since the last time, as bytes. */
  takeWire(): Buffer {
    const bytes = Buffer.concat(this.replies.slice(this.#taken).map(encodeReply));
    this.#taken = this.replies.length;
    return bytes;
  }

  run(effects: readonly ReceiverEffect[]): void {
    for (const effect of effects) this.#carryOut(effect);
  }

  #carryOut(effect: ReceiverEffect): void {
    switch (effect.type) {
      case 'reply':
        this.replies.push(effect.reply);
        return;
      case 'admit':
        this.log.push(`admit ${effect.password ?? 'without password'}`);
        this.run(this.machine.admitted(this.refusal, this.now));
        return;
      case 'show':
        this.log.push(`show ${effect.text}`);
        return;
      case 'close':
        this.log.push(`close ${effect.complete ? 'complete' : effect.reason}`);
        return;
      case 'write':
        this.#write(effect.bytes.toString('latin1'));
        break;
      case 'begin-file':
      case 'begin-folder':
        this.log.push(`${effect.type} ${effect.name}`);
        break;
      case 'go-on':
        this.log.push(`go-on ${effect.offset}`);
        break;
      default:
        this.log.push(effect.type);
    }
    this.run(this.machine.stored(this.say(effect) ?? { type: 'done' }, this.now));
  }

  #write(text: string): void {
    const last = this.log.at(-1);
    if (last?.startsWith('write ')) this.log[this.log.length - 1] = last + text;
    else this.log.push(`write ${text}`);
  }
}

/** A request on the wire, with its content. */
export function wire(type: Request['type'], id: number, content: Buffer | string = ''): Buffer {
  const bytes = Buffer.from(content);
  return Buffer.concat([encodeRequest({ type, id, length: bytes.length } as Request), bytes]);
}
