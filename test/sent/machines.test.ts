import { describe, expect, test } from 'vitest';
import { millis } from '../../lib/core/brands.ts';
import type { Message } from '../../lib/sent/messages.ts';
import { ANSWER_WITHIN, Offer, PROGRESS_SPAN, VERDICT_WITHIN } from '../../lib/sent/offer.ts';
import { ASK_WITHIN, FILE_WITHIN, Request } from '../../lib/sent/request.ts';

const at = millis;
const user = { name: 'a', ip: '' };
const file = { name: 'f', size: 100, type: '', md5: '' };
const about = { sender: user, receiver: user, file };
const ASK: Message = { type: 'ask', sender: user, receivers: [user], file };
const ACCEPT: Message = { type: 'accept', ...about, offset: 40 };

describe('who offers', () => {
  test('asks, sends what is missing, and has succeeded when he is told so', () => {
    const offer = new Offer(100, at(0));
    expect(offer.start()).toEqual([{ type: 'ask' }]);
    expect(offer.handle(ACCEPT, at(5))).toEqual([{ type: 'send-file', offset: 40 }]);
    offer.allSent(at(10));
    expect(offer.nextTimeout()).toBe(10 + VERDICT_WITHIN);
    const over = offer.handle({ type: 'received', ...about }, at(20));
    expect(over).toEqual([{ type: 'over', outcome: { type: 'received' } }]);
    expect(offer.nextTimeout()).toBeUndefined();
    expect(offer.fail('late')).toEqual([]);
  });

  test('hears no, and hears nothing', () => {
    const refused = new Offer(100, at(0)).handle({ type: 'refuse', ...about }, at(1));
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
    offer.moved(70_000);
    expect(offer.onTimeout(at(PROGRESS_SPAN))).toEqual([]);
    offer.moved(60_000);
    expect(offer.onTimeout(at(2 * PROGRESS_SPAN))).toMatchObject([{ type: 'over' }]);
  });

  test('does not believe what cannot be', () => {
    const offer = new Offer(100, at(0));
    expect(() => offer.handle({ ...ACCEPT, offset: 101 }, at(0))).toThrow('OUT_OF_TURN');
    expect(() => offer.handle({ type: 'received', ...about }, at(0))).toThrow('OUT_OF_TURN');
    offer.handle(ACCEPT, at(0));
    expect(() => offer.handle(ACCEPT, at(0))).toThrow('OUT_OF_TURN');
    expect(() => offer.handle({ type: 'refuse', ...about }, at(0))).toThrow('OUT_OF_TURN');
    // Before all was sent nobody can have all.
    expect(() => offer.handle({ type: 'received', ...about }, at(0))).toThrow('OUT_OF_TURN');
    expect(() => offer.handle(ASK, at(0))).toThrow('OUT_OF_TURN');
  });
});

describe('who is asked', () => {
  function accepted(): Request {
    const request = new Request(at(0));
    expect(request.handle(ASK, at(1))).toEqual([{ type: 'ask-user', sender: user, file }]);
    expect(request.decided(40, at(2))).toEqual([{ type: 'say', message: 'accept', offset: 40 }]);
    return request;
  }
  const fileFrom = (offset: number): Message => ({ type: 'file', ...about, offset });

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
