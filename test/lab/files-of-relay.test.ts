import { expect, test } from 'vitest';
import type { TcpRecord } from '../../lib/capture/recorder.ts';
import { cut, filesIn } from '../support/extracted.ts';
import { record } from '../support/recorded.ts';

const DATA = 40_321;

/** What the client and the server say in turn, in lines. */
function talk(connection: TcpRecord, ...lines: readonly string[]): void {
  for (const [index, text] of lines.entries()) {
    connection.data(index % 2 === 0 ? 'out' : 'in', Buffer.from(text));
  }
}

/** A sender who offers so many bytes of `f.txt`. */
function offers(command: TcpRecord, size: number): void {
  command.data('in', Buffer.from('WELCOME\r\n'));
  talk(
    command,
    ...['alice k\r\n', '200 AUTHENTICATION OK\r\n'],
    ...[`SEND "f.txt" ${size} 2\r\nbob\r\n402\r\n`, `402 1\r\nbob\r\n${DATA}\r\n`],
  );
}

test('a transfer in several attempts; the question whether all is stored is none', async () => {
  const { folder, file } = await record(({ tcp }) => {
    offers(tcp(40_100), 10);
    talk(tcp(DATA), 'WRITE alice k\r\n', '500 "f.txt"\r\n', '01234567');
    talk(tcp(DATA), 'WRITE alice k resume\r\n', '500 "f.txt" 4\r\n', '456789');
    talk(tcp(DATA), 'WRITE alice k resume\r\n', '500 "f.txt" 10\r\n');
    talk(tcp(DATA), 'WRITE alice k resume\r\n', '501 DENIED\r\n');
    // Bob has had the first four bytes before.
    talk(tcp(DATA), 'READ bob k 0 details\r\n', '500 "f.txt" 10\r\n01');
    talk(tcp(DATA), 'READ bob k 4 details\r\n', '500 "f.txt" 10\r\n456789', 'OK\r\n');
    talk(tcp(DATA), 'READ carol k\r\n', '600 OK\r\n0123456789');
  });
  await using _ = folder;
  expect(filesIn(file)).toMatchObject([
    { protocol: 'relay', name: 'f.txt', text: '0123456789', missing: undefined },
    { name: 'f.txt', text: '01\0\x00456789', missing: 'bytes 2 to 3' },
    { name: 'f.txt', text: '0123456789', missing: undefined },
  ]);
});

test('a question without a file, a refusal, a full disk, and an unknown size', async () => {
  const { folder, file } = await record(({ tcp }) => {
    const asked = tcp(1101);
    asked.data('in', Buffer.from('WELCOME\r\n'));
    talk(
      asked,
      ...['bob k details\r\n', '200 AUTHENTICATION OK\r\nRCFR eve\r\nRCFR alice "a b.txt" 12\r\n'],
      ...['401 DENIED\r\n401 DENIED\r\n', 'RCFR alice "c.txt" 3\r\n'],
      ...['400 OK\r\n', `OPEN alice "c.txt" ${DATA}\r\n`],
    );
    talk(tcp(DATA), 'READ bob k 0\r\n', '500 "c.txt"\r\nab');
    const refused = tcp(1100);
    refused.data('in', Buffer.from('WELCOME\r\n'));
    talk(
      refused,
      ...['alice k\r\n', '200 AUTHENTICATION OK\r\n'],
      ...['SEND "d.txt" 3 1\r\nbob\r\n', '403 NO RECIPIENT\r\n'],
      ...['SEND "f.txt" 8 1\r\nbob\r\n', `402 1\r\nbob\r\n${DATA + 1}\r\n`],
    );
    talk(
      tcp(DATA + 1),
      'WRITE alice k\r\n',
      '500 "f.txt"\r\n',
      '0123',
      '404 SERVER ERROR: full\r\n',
    );
    talk(tcp(DATA + 2), 'READ bob k 0\r\n', '500 "e.txt"\r\nabc');
  });
  await using _ = folder;
  const found = filesIn(file).sort((a, b) => (a.name < b.name ? -1 : 1));
  expect(found).toMatchObject([
    { name: 'a b.txt', missing: 'all of it', failure: 'bob did not want it' },
    { name: 'c.txt', text: 'ab', missing: 'byte 2' },
    { name: 'd.txt', missing: 'all of it', failure: 'nobody wanted it' },
    { name: 'e.txt', text: 'abc', missing: 'what follows byte 2, if anything' },
    {
      ...{ name: 'f.txt', text: '0123', missing: 'bytes 4 to 7' },
      failure: 'the server has said: 404 SERVER ERROR: full',
    },
  ]);
});

test('offered and not sent; a port that is used once more', async () => {
  const { folder, file } = await record(({ tcp }) => {
    offers(tcp(1100), 4);
    talk(tcp(DATA), 'WRITE alice k\r\n', '500 "f.txt"\r\n', 'one.');
    offers(tcp(1100), 4);
    talk(tcp(DATA), 'WRITE alice k\r\n', '500 "f.txt"\r\n', 'two.');
    offers(tcp(1100), 4);
  });
  await using _ = folder;
  expect(filesIn(file)).toMatchObject([
    { text: 'one.', missing: undefined },
    { text: 'two.', missing: undefined },
    { text: '', missing: 'all of it' },
  ]);
  const reader = await record(({ tcp }) => {
    const asked = tcp(1101);
    asked.data('in', Buffer.from('WELCOME\r\n'));
    talk(asked, 'bob k details\r\n', '200 AUTHENTICATION OK\r\n');
    for (const text of ['one.', 'two.']) {
      asked.data('in', Buffer.from('RCFR alice "f.txt" 4\r\n'));
      talk(asked, '400 OK\r\n', `OPEN alice "f.txt" ${DATA}\r\n`);
      talk(tcp(DATA), 'READ bob k 0\r\n', `500 "f.txt"\r\n${text}`);
      // After another log-in.
      asked.data('in', Buffer.from(`OPEN alice "f.txt" ${DATA}\r\n`));
    }
  });
  await using __ = reader.folder;
  expect(filesIn(reader.file)).toMatchObject([
    { text: 'one.', missing: undefined },
    { text: 'two.', missing: undefined },
  ]);
});

test('what is missing in the midst of the bytes is told, and the rest is at its place', async () => {
  const { folder, file } = await record(({ tcp }) => {
    offers(tcp(1100), 12);
    const data = tcp(DATA);
    // Whose port was told need not say all at once.
    data.data('out', Buffer.from('READ bob k 2 det'));
    talk(data, 'ails\r\n', '500 "f.txt" 12\r\n23');
    for (const text of ['456', '78', '9ab']) data.data('in', Buffer.from(text));
  });
  await using _ = folder;
  const holed = await cut(file, (all) => all.filter((bytes) => !bytes.includes('456')));
  expect(filesIn(holed)).toMatchObject([
    { text: '', missing: 'all of it' },
    { text: '\0\x0023\0\0\x00789ab', missing: 'bytes 0 to 1, bytes 4 to 6' },
  ]);
});
