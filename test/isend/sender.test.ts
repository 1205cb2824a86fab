import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { after as later, type Millis } from '../../lib/core/brands.ts';
import { decodeReply, encodeRequest } from '../../lib/isend/codec.ts';
import { InstructionFramer } from '../../lib/isend/framing.ts';
import type { Reply } from '../../lib/isend/messages.ts';
import { ANSWER_WITHIN } from '../../lib/isend/outstanding.ts';
import { Sender } from '../../lib/isend/sender.ts';
import type { Item, SenderEffect } from '../../lib/isend/sender-effects.ts';
import { ReceiverUnderTest, START } from './machines.ts';

type Thing = Item & { readonly content?: string };

/** A sender that sends `things`, and writes down what happens. */
class SenderUnderTest {
  readonly machine: Sender;
  readonly log: string[] = [];
  out = Buffer.alloc(0);
  #things: Thing[];
  #content = Buffer.alloc(0);
  #held = Buffer.alloc(0);
  #pieceBytes: number;

  constructor(things: readonly Thing[], window: number, pieceBytes = 3, password?: Buffer) {
    this.machine = new Sender({ window, password });
    this.#things = [...things];
    this.#pieceBytes = pieceBytes;
    this.run(this.machine.start(START));
  }

  pump(now: Millis = START): void {
    for (let wish = this.machine.wants(); wish !== undefined; wish = this.machine.wants()) {
      if (wish.type === 'item') {
        const thing = this.#things.shift();
        this.#content = Buffer.from(thing?.content ?? '', 'latin1');
        this.run(this.machine.give(thing, now));
        continue;
      }
      const lengths: number[] = [];
      let bytes = 0;
      for (let index = 0; index < wish.count && bytes < this.#content.length; index += 1) {
        const length = Math.min(this.#pieceBytes, this.#content.length - bytes);
        lengths.push(length);
        bytes += length;
      }
      this.#held = this.#content.subarray(0, bytes);
      this.#content = this.#content.subarray(bytes);
      this.run(this.machine.pieces(lengths, this.#content.length === 0, now));
    }
  }

  reply(reply: Reply): void {
    this.run(this.machine.handle(reply, START));
    this.pump();
  }

  run(effects: readonly SenderEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          this.#send(encodeRequest(effect.request), effect.content ?? Buffer.alloc(0));
          break;
        case 'send-content':
          this.#send(effect.content);
          break;
        case 'send-pieces':
          for (const request of effect.requests) {
            this.#send(encodeRequest(request));
            if (effect.alone) continue;
            this.#send(this.#held.subarray(0, request.length));
            this.#held = this.#held.subarray(request.length);
          }
          break;
        case 'send-held-piece':
          this.#send(this.#held);
          break;
        case 'item-ended':
          this.log.push(`${effect.item.type} ${effect.outcome.type} ${effect.outcome.text}`.trim());
          break;
        case 'close':
          this.log.push(`close ${effect.failure ?? 'complete'}`);
          break;
        default:
          if (effect.type !== 'arrived') this.log.push(effect.type);
      }
    }
  }

  take(): Buffer {
    const { out } = this;
    this.out = Buffer.alloc(0);
    return out;
  }

  #send(...bytes: readonly Buffer[]): void {
    this.out = Buffer.concat([this.out, ...bytes]);
  }
}

const file = (name: string, content: string): Thing => ({
  type: 'file',
  name,
  size: content.length,
  content,
});
const folder = (name: string, ...inside: readonly Thing[]): Thing[] => [
  { type: 'folder', name },
  ...inside,
  { type: 'end-of-folder' },
];

/** Lets both talk until nothing is said any more; `cut` is how the wire cuts what is sent. */
function exchange(sender: SenderUnderTest, receiver: ReceiverUnderTest, cut = 1000): number {
  const framer = new InstructionFramer({ decode: decodeReply, isStreamed: () => false });
  let rounds = 0;
  for (let bytes = sender.take(); bytes.length > 0; bytes = sender.take()) {
    rounds += 1;
    for (let at = 0; at < bytes.length; at += cut) receiver.push(bytes.subarray(at, at + cut));
    for (const framed of framer.push(receiver.takeWire())) {
      const { type, id, length } = framed.head;
      if (framed.type === 'head' && length > 0) continue;
      const text = framed.type === 'content' ? framed.bytes.toString() : '';
      sender.run(sender.machine.handle({ type, id, text }, START));
    }
    sender.pump();
  }
  return rounds;
}

const things = fc.array(
  fc.oneof(
    fc
      .string({ minLength: 0, maxLength: 40, unit: 'grapheme-ascii' })
      .map((text) => [file('f', text)]),
    fc
      .string({ maxLength: 20, unit: 'grapheme-ascii' })
      .map((text) => folder('d', file('g', text), ...folder('e'))),
    fc.constant<Thing[]>([{ type: 'message', text: Buffer.from('hello') }]),
  ),
  { maxLength: 8 },
);

describe('whatever is sent arrives, whatever the window and the cuts', () => {
  test('', () => {
    const property = fc.property(
      things,
      fc.constantFrom(1, 2, 3, 16),
      fc.integer({ min: 1, max: 60 }),
      fc.integer({ min: 1, max: 9 }),
      (lists, window, cut, pieceBytes) => {
        const all = lists.flat();
        const sender = new SenderUnderTest(all, window, pieceBytes);
        const receiver = new ReceiverUnderTest();
        exchange(sender, receiver, cut);
        const expected = all.flatMap((thing) => {
          if (thing.type === 'folder') return [`begin-folder ${thing.name}`];
          if (thing.type === 'end-of-folder') return ['end-folder'];
          if (thing.type === 'message') return ['show hello'];
          const content = thing.content === '' ? [] : [`write ${thing.content}`];
          return [`begin-file ${thing.name}`, ...content, 'end-file'];
        });
        expect(receiver.log).toEqual(['admit without password', ...expected, 'close complete']);
        expect(sender.log.at(-1)).toBe('close complete');
        const ended = sender.log.filter((line) => / confirmed$/.test(line));
        expect(ended).toHaveLength(all.filter(({ type }) => type !== 'folder').length);
      },
    );
    fc.assert(property, { numRuns: 300 });
  });
});

test('with a window of 1 it is stop and wait: an instruction, or a content, at a time', () => {
  const sender = new SenderUnderTest([file('f', 'abcdef')], 1);
  const receiver = new ReceiverUnderTest();
  // connect; name, content; two pieces; end of the file; end.
  expect(exchange(sender, receiver)).toBe(1 + 2 + 2 * 2 + 1 + 1);
});

test('with a larger one no more pieces are under way than the window allows', () => {
  const content = 'x'.repeat(3 * 100);
  const sender = new SenderUnderTest([file('f', content)], 4);
  sender.reply({ type: 'established', id: 0, text: '' });
  sender.take();
  sender.reply({ type: 'confirmed', id: 1, text: '' });
  sender.reply({ type: 'confirmed', id: 1, text: '' });
  expect(sender.take()).toHaveLength(4 * (6 + 3));
  sender.reply({ type: 'confirmed', id: 2, text: '' });
  expect(sender.take()).toHaveLength(0);
});

test('numbers go from 1 to 65535 and then from 1 again', () => {
  const sender = new SenderUnderTest([file('f', 'x'.repeat(65_600))], 16, 1);
  const receiver = new ReceiverUnderTest();
  exchange(sender, receiver, 10_000);
  expect(sender.log.at(-1)).toBe('close complete');
  const ids = new Set(receiver.replies.map(({ id }) => id));
  expect(ids.size).toBe(65_536);
  // 0 is the connection's, and stays so.
  expect(receiver.replies.filter(({ id }) => id === 0)).toHaveLength(1);
});

describe('what the receiver does not want', () => {
  test('is left out: a file, and a folder with all that is in it', () => {
    const receiver = new ReceiverUnderTest();
    receiver.say = (effect) =>
      'name' in effect && effect.name === 'no' ? { type: 'skipped', reason: 'there' } : undefined;
    const sender = new SenderUnderTest([file('no', 'abc'), file('yes', 'def')], 16);
    exchange(sender, receiver);
    expect(sender.log).toEqual([
      ...['established', 'drop-file', 'file skipped there', 'file confirmed', 'close complete'],
    ]);
    const other = new SenderUnderTest([{ type: 'folder', name: 'no' }, file('yes', 'def')], 16);
    exchange(other, Object.assign(new ReceiverUnderTest(), { say: receiver.say }));
    expect(other.log).toContain('folder skipped there');
  });

  test('in the middle of a file ends it all, and is told once', () => {
    const receiver = new ReceiverUnderTest();
    receiver.say = ({ type }) =>
      type === 'write' ? { type: 'refused', reason: 'the disk is full' } : undefined;
    for (const window of [1, 16]) {
      const sender = new SenderUnderTest([file('f', 'x'.repeat(90)), file('g', '')], window);
      exchange(sender, Object.assign(new ReceiverUnderTest(), { say: receiver.say }));
      const told = sender.log.filter((line) => line === 'file refused the disk is full');
      expect(told).toHaveLength(1);
      expect(sender.log.at(-1)).toBe('close the receiver refuses to go on: the disk is full');
    }
  });

  test('at the name only is told, and the next is sent', () => {
    const receiver = new ReceiverUnderTest();
    receiver.say = (effect) =>
      'name' in effect && effect.name === 'no' ? { type: 'refused', reason: 'no' } : undefined;
    const sender = new SenderUnderTest([file('no', 'abc'), file('yes', 'def')], 16);
    exchange(sender, receiver);
    expect(sender.log.slice(-3)).toEqual(['file refused no', 'file confirmed', 'close complete']);
  });
});

test('a sender that is stopped sends what it owes before it says the end', () => {
  for (const window of [1, 16]) {
    const sender = new SenderUnderTest([file('f', 'abcdef')], window);
    const receiver = new ReceiverUnderTest();
    sender.reply({ type: 'established', id: 0, text: '' });
    receiver.push(sender.take());
    receiver.takeWire();
    // The name is asked for; with a window of 1 it is still to be sent.
    sender.run(sender.machine.stop('stopped', START));
    sender.run(sender.machine.handle({ type: 'confirmed', id: 1, text: '' }, START));
    sender.run(sender.machine.handle({ type: 'confirmed', id: 1, text: '' }, START));
    receiver.push(sender.take());
    expect(receiver.log.slice(1)).toEqual(['begin-file f', 'close the sender has ended it']);
    sender.run(sender.machine.handle({ type: 'confirmed', id: 2, text: '' }, START));
    expect(sender.log.at(-1)).toBe('close stopped');
  }
});

describe('a receiver that', () => {
  test.each<[string, Reply, RegExp]>([
    ['refuses', { type: 'connection-refused', id: 0, text: 'no' }, /refuses the connection: no/],
    ['fails', { type: 'failed', id: 5, text: 'why' }, /ended the connection: why/],
    ['ends', { type: 'end', id: 0, text: '' }, /ended the connection/],
    ['answers what was not asked', { type: 'confirmed', id: 9, text: '' }, /request 9/],
    ['answers in another way', { type: 'skip-file', id: 0, text: '' }, /unknown way/],
  ])('%s is left', (_what, reply, reason) => {
    const sender = new SenderUnderTest([], 16);
    sender.reply(reply);
    expect(sender.log.at(-1)).toMatch(reason);
    expect(sender.machine.nextTimeout()).toBeUndefined();
  });

  test('says nothing is left in time', () => {
    const sender = new SenderUnderTest([], 16);
    expect(sender.machine.nextTimeout()).toBe(later(START, ANSWER_WITHIN));
    sender.run(sender.machine.onTimeout(later(START, ANSWER_WITHIN)));
    expect(sender.log).toEqual(['close the receiver has not answered for too long']);
  });

  test('is gone before all is confirmed makes it a failure, afterwards not', () => {
    const sender = new SenderUnderTest([file('f', 'abc')], 16);
    sender.reply({ type: 'established', id: 0, text: '' });
    sender.run(sender.machine.closed('gone'));
    expect(sender.log.at(-1)).toBe('close gone');
    const other = new SenderUnderTest([], 16);
    other.reply({ type: 'established', id: 0, text: '' });
    other.run(other.machine.closed('gone'));
    expect(other.log.at(-1)).toBe('close complete');
  });
});

test('an offer of nothing is taken, too: an empty file that is there already', () => {
  const sender = new Sender({ window: 16, password: undefined });
  const reply = (type: Reply['type'], id: number, text = ''): readonly SenderEffect[] =>
    sender.handle({ type, id, text }, START);
  sender.start(START);
  reply('established', 0);
  sender.give({ type: 'file', name: 'f', size: 0 }, START);
  reply('confirmed', 1);
  const offer = { offset: 0, sha256: 'ab'.repeat(32), whole: true };
  expect(reply('confirmed', 1, `whole=0 sha256=${offer.sha256}`)).toEqual([
    { type: 'check-offer', offer },
  ]);
  expect(sender.goOn(0, START)).toMatchObject([{ type: 'send', request: { type: 'go-on' } }]);
});
