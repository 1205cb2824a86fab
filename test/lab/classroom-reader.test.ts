import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { tracesOf } from '../../lib/app/capture-traces.ts';
import { summarize } from '../../lib/lab/trace-summary.ts';
import { TemporaryFolder } from '../app/folders.ts';
import { filesIn } from '../support/extracted.ts';
import { record } from '../support/recorded.ts';
import { captureOf } from '../support/samples/list.ts';
import { hasTshark } from '../support/tshark.ts';

type Tell = Parameters<Parameters<typeof record>[0]>[0];

function datagram(seq: number, text: string): Buffer {
  const header = Buffer.alloc(5, ':');
  header.writeUInt32BE(seq);
  return Buffer.concat([header, Buffer.from(text)]);
}
const PART = 'a'.repeat(2043);
const PORT = 40_555;

/** A client that has logged in, and what is said on its connection. */
function logIn(tell: Tell) {
  const connection = tell.tcp(55_000);
  const say = (text: string): void => connection.data('out', Buffer.from(`${text}\n`));
  const hear = (text: string): void => connection.data('in', Buffer.from(`${text}\n`));
  const came = (seq: number, text: string, host?: string): void =>
    tell.came(45_000, PORT, datagram(seq, text), host);
  say('connect|ann');
  hear('connected');
  return { say, hear, came };
}

async function read(tell: (tell: Tell) => void) {
  const { folder, file } = await record(tell);
  await using _ = folder;
  return { files: filesIn(file), traces: tracesOf(file) };
}

test('a part counts from the host of the server only', async () => {
  const { files, traces } = await read((tell) => {
    const { say, hear, came } = logIn(tell);
    for (const text of ['download|f', String(PORT)]) say(text);
    hear('|2');
    say(String(PORT));
    came(0, 'x'.repeat(2043), '192.0.2.66');
    came(0, PART);
    came(1, 'end');
  });
  expect(files).toMatchObject([{ text: `${PART}end`, missing: undefined }]);
  expect(traces[0]?.sendings).toHaveLength(2);
});

test('a UDP port that was used before belongs to who uses it now', async () => {
  const { files } = await read((tell) => {
    const { say, hear, came } = logIn(tell);
    say('download|f');
    hear('|1');
    say(String(PORT));
    came(0, 'first');
    say('stop');
    hear('User ann downloaded 100% out of file. Last byte is: 116');
    say('download|g|fast=1|mtu=1500');
    hear('|1|fast=1|part=1467|size=6|id=x|port=45001|key=7');
    tell.came(45_001, PORT, datagram(0, 'second'));
  });
  expect(files.map(({ name, text, missing }) => ({ name, text, missing }))).toEqual([
    { name: 'f', text: 'first', missing: undefined },
    { name: 'g', text: 'second', missing: undefined },
  ]);
});

test('a file that has changed meanwhile does not count, though all parts came', async () => {
  const { files } = await read((tell) => {
    const { say, hear, came } = logIn(tell);
    say('download|f');
    hear('|1');
    say(String(PORT));
    came(0, 'old');
    hear("Can't download. File changed");
  });
  expect(files).toMatchObject([{ missing: undefined, failure: "Can't download. File changed" }]);
});

test('a download goes on when another one is asked for and refused', async () => {
  const { traces } = await read((tell) => {
    const { say, hear, came } = logIn(tell);
    say('download|f');
    hear('|4');
    say(String(PORT));
    came(1, PART);
    say('download|other');
    hear("Can't download. Another download is running");
    say('0');
    came(0, PART);
    say('proceed');
    came(2, PART);
    came(3, 'end');
    say('stop');
  });
  expect(traces).toHaveLength(1);
  const [trace] = traces;
  if (trace === undefined) throw new Error('there is no download');
  expect(summarize(trace)).toMatchObject({ reRequests: 1, lost: 1, missing: 0, received: 4 });
  expect(trace.pause).toBeDefined();
});

test('what is said after the end does not belong to it', async () => {
  const { traces } = await read((tell) => {
    const { say, hear, came } = logIn(tell);
    say('download|f');
    hear('|1');
    say(String(PORT));
    came(0, 'all');
    say('stop');
    hear('User ann downloaded 100% out of file. Last byte is: 108');
    say('msg_all|much later');
  });
  const said = traces[0]?.messages.map(({ text }) => text);
  expect(said?.[0]).toBe('download|f');
  expect(said?.at(-1)).toMatch(/^User ann downloaded/);
  // A file of one part has no pause.
  expect(traces[0]?.pause).toBeUndefined();
});

test('a list of numbers longer than a message is cut between two of them', async () => {
  const numbers = Array.from({ length: 20_000 }, (_, index) => index);
  const { traces } = await read((tell) => {
    const { say, hear, came } = logIn(tell);
    say('download|f');
    hear('|30000');
    say(String(PORT));
    for (let seq = 20_000; seq < 20_010; seq += 1) came(seq, PART);
    say(numbers.join(' '));
  });
  expect(traces[0]?.reRequests.flatMap(({ seqs }) => seqs)).toEqual(numbers);
});

test('lines may end with CRLF, and come in pieces', async () => {
  const { files } = await read((tell) => {
    const connection = tell.tcp(55_000);
    for (const text of ['connect|ann\r\ndown', 'load|f\r', '\n']) {
      connection.data('out', Buffer.from(text));
    }
    for (const text of ['connected\r\n', '|', '1\r\n']) connection.data('in', Buffer.from(text));
    connection.data('out', Buffer.from(`${PORT}\r\n`));
    tell.came(45_000, PORT, datagram(0, 'all'));
  });
  expect(files).toMatchObject([{ name: 'f', text: 'all', missing: undefined }]);
});

test.skipIf(!hasTshark)(
  'parts of which the capture has kept the beginning only are missing',
  async () => {
    await using folder = await TemporaryFolder.create();
    const file = join(folder.path, 'short.pcapng');
    await promisify(execFile)('editcap', ['-s', '200', captureOf('classroom-clean'), file]);
    expect(filesIn(file)).toMatchObject([
      { name: 'story.txt', missing: '24 of 24 parts (0–19, …)' },
    ]);
    // They were sent all the same, with all their bytes.
    const [short] = tracesOf(file).map(summarize);
    const [whole] = tracesOf(captureOf('classroom-clean')).map(summarize);
    expect(short).toEqual(whole);
  },
);
