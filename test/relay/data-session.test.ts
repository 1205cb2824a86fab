import { describe, expect, test } from 'vitest';
import { after as later, type Millis, millis } from '../../lib/core/brands.ts';
import { encodeDataReply } from '../../lib/relay/codec.ts';
import {
  DATA_REQUEST_TIME,
  type DataEffect,
  DataSession,
  LAST_BYTES_TIME,
  PROGRESS_BYTES,
  PROGRESS_SPAN,
} from '../../lib/relay/data-session.ts';
import { BEGIN_WITHIN_MS, Transfer } from '../../lib/relay/transfer.ts';

const START = millis(500);

function transferOf(changes: object = {}): Transfer {
  const readers = ['bob', 'carol'].map((user) => ({ user, keyHash: user, read: 0, done: false }));
  return new Transfer({
    id: 'id',
    file: 'f',
    size: 1000,
    sender: { user: 'alice', keyHash: 'alice' },
    readers,
    created: 0,
    port: 40_000,
    stored: 0,
    begun: false,
    ...changes,
  });
}

/** What was said, and what else is to be done. */
function summary(effects: readonly DataEffect[]): string[] {
  return effects.map((effect) =>
    effect.type === 'reply' ? encodeDataReply(effect.reply, 'table').trimEnd() : effect.type,
  );
}

function ask(session: DataSession, line: string, now: Millis = START): string[] {
  expect(summary(session.request(line))).toEqual(['check-key']);
  return summary(session.keyChecked(true, now));
}

describe('reading', () => {
  test('begins at the offset', () => {
    const session = new DataSession(transferOf(), START);
    expect(ask(session, 'READ bob k 10')).toEqual(['500 "f"', 'read-from']);
  });

  test('may begin at the end, but not behind it', () => {
    expect(ask(new DataSession(transferOf(), START), 'READ bob k 1000')[0]).toBe('500 "f"');
    const [said] = ask(new DataSession(transferOf(), START), 'READ bob k 1001');
    expect(said).toMatch(/^501 DENIED/);
  });

  test('is cut off when nothing is taken, not while there is nothing to take', () => {
    const session = new DataSession(transferOf(), START);
    ask(session, 'READ bob k 0');
    session.waitsForPeer(false, START);
    expect(session.nextTimeout()).toBeUndefined();
    session.waitsForPeer(true, START);
    const end = later(START, PROGRESS_SPAN);
    expect(session.nextTimeout()).toBe(end);
    expect(session.onTimeout(millis(end - 1))).toEqual([]);
    expect(session.onTimeout(end)).toEqual([{ type: 'close', abruptly: true }]);
  });

  test('has time to take the last bytes', () => {
    const session = new DataSession(transferOf(), START);
    ask(session, 'READ bob k 0');
    session.handedOver(START);
    expect(session.nextTimeout()).toBe(later(START, LAST_BYTES_TIME));
    const effects = session.onTimeout(later(START, LAST_BYTES_TIME));
    expect(effects).toEqual([{ type: 'close', abruptly: true }]);
  });
});

describe('writing', () => {
  test('goes on behind what is stored', () => {
    const session = new DataSession(transferOf(), START);
    expect(ask(session, 'WRITE alice k resume')).toEqual(['prepare-writing']);
    expect(summary(session.readyToWrite(77, START))).toEqual(['500 "f" 77', 'write-from']);
  });

  test('begins anew only while nobody has read', () => {
    const transfer = transferOf();
    const first = new DataSession(transfer, START);
    ask(first, 'WRITE alice k');
    expect(first.readyToWrite(77, START)).toContainEqual({ type: 'write-from', offset: 0 });
    transfer.readUpTo('bob', 5);
    const second = new DataSession(transfer, START);
    ask(second, 'WRITE alice k');
    expect(summary(second.readyToWrite(77, START))[0]).toMatch(/^501 DENIED/);
  });

  test('is ended when a byte a second comes', () => {
    const session = new DataSession(transferOf(), START);
    ask(session, 'WRITE alice k');
    session.readyToWrite(0, START);
    session.moved(PROGRESS_BYTES);
    const first = later(START, PROGRESS_SPAN);
    expect(session.onTimeout(first)).toEqual([]);
    session.moved(60);
    const second = later(first, PROGRESS_SPAN);
    expect(summary(session.onTimeout(second))).toEqual(['501 DENIED: that took too long', 'close']);
  });

  test('ends with the reason when it cannot be stored', () => {
    const session = new DataSession(transferOf(), START);
    ask(session, 'WRITE alice k');
    session.readyToWrite(0, START);
    expect(summary(session.storingFailed('the disk is full'))[0]).toBe(
      '404 SERVER ERROR: the disk is full',
    );
  });
});

test('a connection that says nothing is closed in time', () => {
  const session = new DataSession(transferOf(), START);
  const end = later(START, DATA_REQUEST_TIME);
  expect(session.nextTimeout()).toBe(end);
  expect(session.onTimeout(millis(end - 1))).toEqual([]);
  expect(summary(session.onTimeout(end))[0]).toMatch(/^502 BAD COMMAND/);
  expect(session.nextTimeout()).toBeUndefined();
});

test('nothing is granted without the key', () => {
  const session = new DataSession(transferOf(), START);
  session.request('READ bob k 0');
  expect(summary(session.keyChecked(false, START))[0]).toMatch(/^501 DENIED/);
  expect(session.keyChecked(true, START)).toEqual([]);
});

describe('a transfer', () => {
  test('is over when everybody has read to the end', () => {
    const transfer = transferOf();
    transfer.readToTheEnd('bob');
    transfer.readUpTo('carol', 1000);
    expect(transfer.over).toBe(false);
    transfer.readToTheEnd('carol');
    expect(transfer.over).toBe(true);
  });

  test('never takes back what it told as stored, or read', () => {
    const transfer = transferOf();
    transfer.storedUpTo(500);
    transfer.storedUpTo(100);
    transfer.readUpTo('bob', 40);
    transfer.readUpTo('bob', 30);
    expect(transfer.record.stored).toBe(500);
    expect(transfer.record.readers[0]?.read).toBe(40);
  });

  test('is kept for an hour until its sender comes, then as long as files are', () => {
    const transfer = transferOf();
    const keep = 10 * BEGIN_WITHIN_MS;
    expect(transfer.expiresAt(keep)).toBe(BEGIN_WITHIN_MS);
    transfer.writeFrom(0, false);
    expect(transfer.expiresAt(keep)).toBe(keep);
  });
});
