import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { TcpRecord } from '../../lib/capture/recorder.ts';
import { encodeGoOn, encodeOffer, encodeReply, encodeRequest } from '../../lib/isend/codec.ts';
import type { ContentRequestType, PlainRequestType, ReplyType } from '../../lib/isend/messages.ts';
import { cut, filesIn } from '../support/extracted.ts';
import { record } from '../support/recorded.ts';

const PORT = 7770;

/** What the sender asks for, and what the receiver says to it. */
function speaker(connection: TcpRecord) {
  const plain = (type: PlainRequestType, answer?: ReplyType): void => {
    connection.data('out', encodeRequest({ type, id: type === 'connect' ? 0 : 1, length: 0 }));
    if (answer !== undefined) say(answer);
  };
  const say = (type: ReplyType, text = ''): void =>
    connection.data('in', encodeReply({ type, id: 1, text }));
  const ask = (
    type: ContentRequestType,
    content: string | Buffer,
    answer: ReplyType = 'confirmed',
    text = '',
  ): void => {
    const bytes = Buffer.from(content);
    connection.data('out', encodeRequest({ type, id: 1, length: bytes.length }));
    say('confirmed');
    connection.data('out', bytes);
    say(answer, text);
  };
  plain('connect', 'established');
  return { plain, ask, connection };
}

function offer(content: string, whole = false): string {
  const sha256 = createHash('sha256').update(content).digest('hex');
  return encodeOffer({ offset: content.length, sha256, whole });
}

test('a file that is gone on with is whole with the earlier attempt, and not without it', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const first = speaker(tcp(PORT));
    first.ask('file-name', 'a.txt');
    first.ask('file-content', '01234');
    first.connection.closed('out');
    const second = speaker(tcp(PORT));
    second.ask('file-name', 'a.txt', 'confirmed', offer('0123'));
    second.ask('go-on', encodeGoOn(4));
    second.ask('file-content', '456789');
    second.plain('end-of-file', 'confirmed');
    second.ask('file-name', 'b.txt', 'confirmed', offer('0123'));
    second.ask('go-on', encodeGoOn(4));
    second.ask('file-content', '4567');
    second.plain('end-of-file', 'confirmed');
    // The receiver has all of it; this capture has it of one of them.
    second.ask('file-name', 'a.txt', 'confirmed', offer('0123456789', true));
    second.ask('go-on', encodeGoOn(10));
    second.plain('end-of-file', 'confirmed');
    second.ask('file-name', 'c.txt', 'confirmed', offer('01', true));
    second.ask('go-on', encodeGoOn(2));
    second.plain('end-of-file', 'confirmed');
  });
  await using _ = folder;
  expect(filesIn(file)).toMatchObject([
    { protocol: 'isend', name: 'a.txt', text: '0123456789', missing: undefined },
    { name: 'b.txt', text: '\0\0\0\x004567', missing: 'bytes 0 to 3' },
    { name: 'c.txt', text: '', missing: 'all of it', digest: { algorithm: 'sha256' } },
  ]);
});

test('a sender that begins anew has nothing to do with the attempt before', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const first = speaker(tcp(PORT));
    first.ask('file-name', 'a.txt');
    first.ask('file-content', 'older and longer');
    const second = speaker(tcp(PORT));
    second.ask('file-name', 'a.txt', 'confirmed', offer('older'));
    second.ask('file-content', 'new');
    second.plain('end-of-file', 'confirmed');
  });
  await using _ = folder;
  expect(filesIn(file)).toMatchObject([
    { text: 'new', missing: undefined },
    { text: 'older and longer', missing: 'what follows byte 15, if anything' },
  ]);
});

test('what the receiver refuses is told, and what comes behind it is read', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const { ask, plain } = speaker(tcp(PORT));
    ask('file-name', 'a.txt', 'skip-file', 'it is here');
    ask('folder-name', 'd');
    ask('folder-name', 'skipped', 'skip-folder');
    ask('file-name', 'b.txt');
    ask('file-content', 'bb', 'refused', 'the disk is full');
    ask('file-name', 'c.txt');
    ask('file-content', 'cc');
    plain('end-of-file', 'refused');
    plain('end-of-folder', 'confirmed');
    ask('file-name', 'e.txt');
    plain('end-of-file', 'confirmed');
  });
  await using _ = folder;
  const found = filesIn(file).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(found).toMatchObject([
    { name: 'a.txt', missing: 'all of it', failure: 'the receiver did not want it: it is here' },
    { name: 'b.txt', folders: ['d'], failure: 'the receiver refused it: the disk is full' },
    { name: 'c.txt', folders: ['d'], missing: undefined, failure: 'the receiver refused it' },
    { name: 'e.txt', folders: [], text: '', missing: undefined, failure: undefined },
  ]);
});

test('what is missing in the midst of a piece is told, and the rest is at its place', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const { connection, plain } = speaker(tcp(PORT));
    const content = Buffer.from('a.txt');
    connection.data('out', encodeRequest({ type: 'file-name', id: 1, length: content.length }));
    connection.data('out', content);
    connection.data('out', encodeRequest({ type: 'file-content', id: 2, length: 9 }));
    for (const text of ['abc', 'def', 'ghi']) connection.data('out', Buffer.from(text));
    // What is missing reaches beyond the piece.
    connection.data('out', encodeRequest({ type: 'file-content', id: 3, length: 3 }));
    connection.data('out', Buffer.from('jkl'));
    connection.data('out', encodeRequest({ type: 'file-content', id: 4, length: 3 }));
    connection.data('out', Buffer.from('mno'));
    plain('end-of-file');
  });
  await using _ = folder;
  const holed = await cut(file, (packets) => packets.filter((bytes) => !bytes.includes('def')));
  expect(filesIn(holed)).toMatchObject([
    { name: 'a.txt', text: 'abc\0\0\0ghijklmno', missing: 'bytes 3 to 5' },
  ]);
  const torn = await cut(file, (packets) => {
    const at = packets.findIndex((bytes) => bytes.includes('jkl'));
    // With what acknowledges it, and the next instruction.
    return packets.filter((_, index) => index < at || index > at + 2);
  });
  expect(filesIn(torn)).toMatchObject([
    { name: 'a.txt', text: 'abcdefghi', missing: 'what follows byte 8, if anything' },
  ]);
  // Behind an instruction that is missing nobody knows what is what.
  const lost = await cut(file, (packets) =>
    packets.filter((bytes) => !bytes.subarray(-6).equals(Buffer.from('00020b010009', 'hex'))),
  );
  expect(filesIn(lost)).toMatchObject([]);
});

test('on another port, and not what only looks like it', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const { ask, plain } = speaker(tcp(40_123));
    ask('file-name', 'a.txt');
    plain('end-of-file', 'confirmed');
    tcp(40_124).data('out', Buffer.from('000000010000', 'hex'));
    tcp(PORT).data('out', Buffer.from('GET / HTTP/1.1\r\n\r\n'));
  });
  await using _ = folder;
  expect(filesIn(file)).toMatchObject([{ name: 'a.txt', missing: undefined }]);
});
