import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import {
  ANSWER_WITHIN,
  BEGIN_WITHIN,
  Offer,
  PROGRESS_SPAN,
  TAKEN_SPAN,
  VERDICT_WITHIN,
} from '../../lib/lan/offer.ts';
import { ASK_WITHIN, FILE_WITHIN, Request } from '../../lib/lan/request.ts';

const at = millis;
const ASK = { type: 'asked', size: 100 } as const;
const ACCEPT = { type: 'accepted', offset: 40 } as const;

describe('who offers', () => {
  test('asks, sends what is missing, and has succeeded when he is told so', () => {
    const offer = new Offer(100, at(0));
    expect(offer.start()).toEqual([{ type: 'ask' }]);
    expect(offer.handle(ACCEPT, at(5))).toEqual([{ type: 'send-file', offset: 40 }]);
    offer.allSent(at(10));
    expect(offer.nextTimeout()).toBe(10 + VERDICT_WITHIN);
    const over = offer.handle({ type: 'verdict', problem: undefined }, at(20));
    expect(over).toEqual([{ type: 'over', outcome: { type: 'received' } }]);
    expect(offer.nextTimeout()).toBeUndefined();
    expect(offer.fail('late')).toEqual([]);
  });

  test('hears yes, and later from where on', () => {
    const offer = new Offer(100, at(0));
    expect(offer.handle({ type: 'agreed' }, at(5))).toEqual([]);
    expect(offer.isAsking).toBe(false);
    expect(offer.nextTimeout()).toBe(5 + BEGIN_WITHIN);
    expect(() => offer.handle({ type: 'refused' }, at(6))).toThrow('OUT_OF_TURN');
    expect(offer.handle(ACCEPT, at(6))).toEqual([{ type: 'send-file', offset: 40 }]);
    expect(offer.handle({ type: 'verdict', problem: 'full' }, at(7))).toEqual([
      { type: 'over', outcome: { type: 'failed', reason: 'the receiver says: full' } },
    ]);
  });

  test('hears no, and hears nothing', () => {
    const refused = new Offer(100, at(0)).handle({ type: 'refused' }, at(1));
    expect(refused).toEqual([{ type: 'over', outcome: { type: 'refused' } }]);
    const offer = new Offer(100, at(0));
    expect(offer.onTimeout(at(ANSWER_WITHIN - 1))).toEqual([]);
    expect(offer.onTimeout(at(ANSWER_WITHIN))).toEqual([
      { type: 'over', outcome: { type: 'failed', reason: 'no answer' } },
    ]);
  });

  test('is not held up by one who takes nothing', () => {
    const offer = new Offer(1e9, at(0));
    offer.handle({ ...ACCEPT, offset: 0 }, at(0));
    offer.moved(1, at(0));
    expect(offer.onTimeout(at(TAKEN_SPAN))).toEqual([]);
    expect(offer.onTimeout(at(2 * TAKEN_SPAN - 1))).toEqual([]);
    expect(offer.onTimeout(at(2 * TAKEN_SPAN))).toMatchObject([{ type: 'over' }]);
  });

  test('gives up one who is not heard any more, unless something moves', () => {
    const asking = new Offer(100, at(0));
    expect(asking.peerLeft(at(1))).toMatchObject([{ type: 'over' }]);
    const sending = new Offer(100, at(0));
    sending.handle(ACCEPT, at(0));
    expect(sending.peerLeft(at(PROGRESS_SPAN - 1))).toEqual([]);
    sending.moved(1, at(PROGRESS_SPAN));
    expect(sending.peerLeft(at(PROGRESS_SPAN + 1))).toEqual([]);
    expect(sending.peerLeft(at(2 * PROGRESS_SPAN))).toMatchObject([{ type: 'over' }]);
  });

  test('does not believe what cannot be', () => {
    const offer = new Offer(100, at(0));
    expect(() => offer.handle({ ...ACCEPT, offset: 101 }, at(0))).toThrow('OUT_OF_TURN');
    expect(() => offer.handle({ type: 'verdict', problem: undefined }, at(0))).toThrow(
      'OUT_OF_TURN',
    );
    offer.handle(ACCEPT, at(0));
    expect(() => offer.handle(ACCEPT, at(0))).toThrow('OUT_OF_TURN');
    expect(() => offer.handle({ type: 'refused' }, at(0))).toThrow('OUT_OF_TURN');
    // Before all was sent nobody can have all.
    expect(() => offer.handle({ type: 'verdict', problem: undefined }, at(0))).toThrow(
      'OUT_OF_TURN',
    );
  });
});

describe('who is asked', () => {
  function accepted(): Request {
    const request = new Request(at(0));
    expect(request.handle(ASK, at(1))).toEqual([{ type: 'ask-user' }]);
    expect(request.decided(40, at(2))).toEqual([{ type: 'say', message: 'accept', offset: 40 }]);
    return request;
  }
  const fileFrom = (offset: number) => ({ type: 'begins', offset }) as const;

  test('takes what is missing, checks it and says so', () => {
    const request = accepted();
    const receive = request.handle(fileFrom(40), at(3));
    expect(receive).toEqual([{ type: 'receive', offset: 40, length: 60 }]);
    expect(request.complete()).toEqual([{ type: 'check' }]);
    expect(request.nextTimeout()).toBeUndefined();
    expect(request.checked(undefined)).toEqual([
      { type: 'say', message: 'received' },
      { type: 'over', reason: undefined },
    ]);
  });

  test('takes it from the beginning, too, but from nowhere else', () => {
    expect(accepted().handle(fileFrom(0), at(3))).toMatchObject([{ offset: 0, length: 100 }]);
    expect(() => accepted().handle(fileFrom(41), at(3))).toThrow('OUT_OF_TURN');
    expect(() => new Request(at(0)).handle(fileFrom(0), at(3))).toThrow('OUT_OF_TURN');
  });

  test('says what is wrong with it', () => {
    const request = accepted();
    request.handle(fileFrom(40), at(3));
    request.complete();
    expect(request.checked('another hash')).toEqual([
      { type: 'say', message: 'failed', reason: 'another hash' },
      { type: 'over', reason: 'another hash' },
    ]);
  });

  test('may learn later from where on it comes', () => {
    const request = new Request(at(0));
    request.handle(ASK, at(1));
    expect(request.decided('later', at(2))).toEqual([{ type: 'say', message: 'accept' }]);
    request.handle({ type: 'greeted' }, at(3));
    expect(request.nextTimeout()).toBe(3 + BEGIN_WITHIN);
    expect(() => request.handle(fileFrom(101), at(4))).toThrow('OUT_OF_TURN');
    expect(request.handle(fileFrom(41), at(4))).toMatchObject([{ offset: 41, length: 59 }]);
  });

  test('may say no, or nothing for so long that it is a no', () => {
    const no = new Request(at(0));
    no.handle(ASK, at(1));
    expect(no.decided(undefined, at(2))).toMatchObject([{ message: 'refuse' }, { type: 'over' }]);
    const silent = new Request(at(0));
    silent.handle(ASK, at(1));
    const deadline = silent.nextTimeout() ?? at(0);
    expect(deadline).toBeLessThan(ANSWER_WITHIN);
    expect(silent.onTimeout(deadline)).toMatchObject([
      { type: 'stop-asking' },
      { message: 'refuse' },
      { type: 'over' },
    ]);
    expect(silent.decided(0, deadline)).toEqual([]);
  });

  test('does not wait for one who says nothing, or sends nothing', () => {
    expect(new Request(at(0)).onTimeout(at(ASK_WITHIN))).toMatchObject([{ type: 'over' }]);
    const request = accepted();
    expect(request.onTimeout(at(1 + FILE_WITHIN))).toEqual([]);
    expect(request.onTimeout(at(2 + FILE_WITHIN))).toMatchObject([
      { message: 'failed' },
      { type: 'over' },
    ]);
    const slow = accepted();
    slow.handle(fileFrom(40), at(3));
    slow.moved(10);
    expect(slow.onTimeout(at(3 + PROGRESS_SPAN))).toMatchObject([
      { message: 'failed' },
      { type: 'over' },
    ]);
  });

  test('stops asking the user when the other one has gone', () => {
    const request = new Request(at(0));
    request.handle(ASK, at(1));
    expect(request.fail('gone')[0]).toEqual({ type: 'stop-asking' });
    expect(request.fail('gone')).toEqual([]);
  });
});
