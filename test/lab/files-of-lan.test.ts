import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { TcpRecord } from '../../lib/capture/recorder.ts';
import { encodeDataAnswer, encodeDataHeader, encodeEvent } from '../../lib/lanshare/codec.ts';
import { encodeMessage } from '../../lib/sent/codec.ts';
import type { Message } from '../../lib/sent/messages.ts';
import { cut, filesIn } from '../support/extracted.ts';
import { HERE, record, THERE } from '../support/recorded.ts';

const TEXT = '\n123456789';
const ANN = { name: 'ann', ip: HERE };
const BOB = { name: 'bob', ip: THERE };
const sha256 = createHash('sha256').update(TEXT).digest('hex');
const md5 = createHash('md5').update(TEXT).digest('hex');

/** What is said of `name` in sent; the sender says it with `out`. */
function sayer(name: string, hashes: { readonly sha256?: string } = { sha256 }) {
  const file = { name, size: TEXT.length, type: 'text/plain', md5, ...hashes };
  const about = { sender: ANN, receiver: BOB, file };
  return (connection: TcpRecord, type: Message['type'], offset = 0): void => {
    const isMine = type === 'ask' || type === 'file';
    const message =
      type === 'ask'
        ? { type, sender: ANN, receivers: [BOB], file }
        : { type, ...about, offset, reason: 'full' };
    connection.data(
      isMine ? 'out' : 'in',
      Buffer.from(encodeMessage(message as Message, new Date(0))),
    );
  };
}

test('sent: resumed, answered on another connection, failed, refused, unanswered', async () => {
  const { folder, file } = await record(({ tcp, called }) => {
    const [a, b, c, d, e, f] = ['a', 'b', 'c', 'd', 'e', 'f'].map((name) => sayer(name));
    const first = tcp(8080);
    a?.(first, 'ask');
    a?.(first, 'accept');
    a?.(first, 'file');
    first.data('out', Buffer.from(TEXT.slice(0, 6)));
    first.closed('in');
    const second = tcp(40_200);
    a?.(second, 'ask');
    const answer = called(8080);
    a?.(answer, 'accept', 4);
    a?.(answer, 'file', 4);
    answer.data('out', Buffer.from(TEXT.slice(4)));
    a?.(answer, 'received');
    const third = tcp(8080);
    b?.(third, 'file', 3);
    third.data('out', Buffer.from(TEXT.slice(3)));
    b?.(third, 'received');
    const fourth = tcp(8080);
    c?.(fourth, 'file');
    fourth.data('out', Buffer.from(TEXT));
    c?.(fourth, 'failed');
    d?.(tcp(8080), 'refuse');
    e?.(tcp(8080), 'ask');
    // All is there, but for the last word; the hash is not.
    const fifth = tcp(8080);
    f?.(fifth, 'file');
    fifth.data('out', Buffer.from(TEXT));
    fifth.closed();
    const old = sayer('md5', {});
    const sixth = tcp(8080);
    old(sixth, 'file');
    sixth.data('out', Buffer.from(TEXT));
    old(sixth, 'received');
    tcp(8080).data('out', Buffer.from('{"name":"of an API"}'));
  });
  await using _ = folder;
  const found = filesIn(file).sort((a, b) => (a.name < b.name ? -1 : 1));
  const digest = { algorithm: 'sha256', hex: sha256 };
  expect(found).toMatchObject([
    { protocol: 'sent', name: 'a', text: TEXT, missing: undefined, failure: undefined, digest },
    { name: 'b', missing: 'bytes 0 to 2' },
    { name: 'c', missing: undefined, failure: 'the receiver has said that it failed: full' },
    { name: 'd', missing: 'all of it', failure: 'the receiver did not want it' },
    { name: 'e', missing: 'all of it', failure: 'nobody has answered' },
    { name: 'f', text: TEXT, missing: undefined, failure: undefined, digest },
    { name: 'md5', missing: undefined, digest: { algorithm: 'md5', hex: md5 } },
  ]);
});

test('sent: what is missing is told, and the rest is at its place', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const say = sayer('a');
    const connection = tcp(8080);
    say(connection, 'file');
    for (const at of [0, 3, 6, 9]) connection.data('out', Buffer.from(TEXT.slice(at, at + 3)));
    say(connection, 'received');
    const sayNext = sayer('b');
    sayNext(connection, 'file');
    connection.data('out', Buffer.from(TEXT));
    sayNext(connection, 'received');
  });
  await using _ = folder;
  const holed = await cut(file, (all) => {
    const at = all.findIndex((bytes) => bytes.includes('345'));
    return all.filter((_, index) => index !== at);
  });
  expect(filesIn(holed)).toMatchObject([
    { name: 'a', text: '\n12\0\0\x006789', missing: 'bytes 3 to 5', failure: undefined },
    { name: 'b', text: TEXT, missing: undefined },
  ]);
  // An object of which the beginning is missing is none, and nor is what follows.
  const lost = await cut(file, (all) => all.filter((bytes) => !/"FILE".*"a"/.test(String(bytes))));
  expect(filesIn(lost)).toEqual([]);
});

test('lanshare: resumed, failed, refused, unanswered, and accepted but not sent', async () => {
  const DATA = 40_321;
  const { folder, file } = await record(({ tcp, called }) => {
    const offered = (name: string) => ({ dir: `/${name}`, name, size: TEXT.length });
    const says = (by: 'in' | 'out', connection: TcpRecord, event: object): void =>
      connection.data(by, Buffer.from(`${encodeEvent(event as never)}\n`));
    const ask = (name: string, port = 40_200): void => {
      const person = { username: 'ann', ip: HERE };
      says('out', tcp(port), { type: 'request', step: 'received', person, file: offered(name) });
    };
    const answer = (type: 'acceptance' | 'rejection', name: string): void => {
      const person = { username: 'bob', ip: THERE };
      const where = { destination: '/', port: DATA };
      says('in', called(9999), { type, step: 'received', person, file: offered(name), ...where });
    };
    const transfer = (name: string, offset: number, end: number, verdict: 'done' | 'failed') => {
      const connection = tcp(DATA);
      const header = encodeDataHeader({ name, size: TEXT.length, sha256 });
      connection.data('out', Buffer.from(header));
      connection.data('in', Buffer.from(encodeDataAnswer({ type: 'offset', offset })));
      connection.data('out', Buffer.from(TEXT.slice(offset, end)));
      const reason = 'full';
      connection.data('in', Buffer.from(encodeDataAnswer({ type: verdict, reason })));
    };
    ask('a');
    answer('acceptance', 'a');
    transfer('a', 0, 5, 'failed');
    ask('a', 9999);
    answer('acceptance', 'a');
    transfer('a', 4, TEXT.length, 'done');
    transfer('b', 3, TEXT.length, 'done');
    transfer('c', 0, 2, 'failed');
    ask('d');
    answer('rejection', 'd');
    ask('e');
    ask('f');
    answer('acceptance', 'f');
  });
  await using _ = folder;
  const found = filesIn(file).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(found).toMatchObject([
    { protocol: 'lanshare', name: 'a', text: TEXT, missing: undefined, failure: undefined },
    { name: 'b', missing: 'bytes 0 to 2', digest: { algorithm: 'sha256', hex: sha256 } },
    {
      ...{ name: 'c', text: '\n1', missing: 'bytes 2 to 9' },
      failure: 'the receiver has said that it failed: full',
    },
    { name: 'd', missing: 'all of it', failure: 'the receiver did not want it' },
    { name: 'e', missing: 'all of it', failure: 'nobody has answered' },
    { name: 'f', missing: 'all of it', failure: undefined },
  ]);
});
