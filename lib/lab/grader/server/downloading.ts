import { SEGMENT_PAYLOAD } from '../../../udp-reliable/segment.ts';
import type { ServerCheck } from '../server-bench.ts';
import {
  ANYTHING,
  expectAllParts,
  expectCount,
  expectFile,
  expectPause,
  lists,
  NOTHING_FOR,
  usersSeenBy,
} from './common.ts';

const DOWNLOAD = '"... its data to parts of 2043 bytes": the file is cut into such parts.';

/** A file of a size at which mistakes show. */
function sizeCheck(name: string, file: string, words: string, points: number): ServerCheck {
  return {
    ...{ name, family: 'downloading', points, needs: 'online' },
    line: `${DOWNLOAD} Here: ${words}.`,
    hint: `Download a file like that, and compare it with the original (cmp). The number of parts is the size divided by 2043, rounded up.`,
    run: async (bench) => {
      const ann = await bench.login('ann');
      expectFile(bench, await bench.download(ann, file));
    },
  };
}

export const DOWNLOADING: readonly ServerCheck[] = [
  sizeCheck('size-one-byte', 'one-byte.bin', 'a file of one byte', 1),
  sizeCheck('size-one-part', 'one-part.txt', 'a file of 2043 bytes, which is one part', 1),
  sizeCheck('size-one-part-and-a-byte', 'one-part-and-a-byte.txt', '2044 bytes, two parts', 1),
  sizeCheck('size-two-parts', 'two-parts.txt', 'a multiple of 2043 bytes, two parts', 1),
  sizeCheck('size-many-parts', 'many.txt', 'a file of 300 parts', 2),
  {
    ...{ name: 'size-empty', family: 'downloading', points: 1 },
    needs: 'download-begun',
    line: `${DOWNLOAD} Here: an empty file, which has none.`,
    hint: 'Download an empty file: the answer is |0, no datagram comes, and the server goes on.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const record = await bench.download(ann, 'empty.bin');
      expectCount(bench, record, 0);
      if (bench.readings.answersStop && record.lastWords === '') {
        bench.blame({
          wrong: 'no answer to stop after an empty file',
          ...{ expected: 'User NAME downloaded 100% out of file', got: 'nothing', share: 0.5 },
        });
      }
      const users = await usersSeenBy(bench, ann);
      if (lists(users, ann.name)) return;
      bench.fail({
        wrong: 'after an empty file, the client is not served any more',
        ...{ expected: `${ann.name} in the list of users`, got: users },
      });
    },
  },
  sizeCheck('binary', 'binary.bin', 'a file that is no text', 2),
  {
    ...{ name: 'second-file', family: 'downloading', points: 2 },
    needs: 'download-whole',
    line: '"To download, you will need to write the command": as often as one likes.',
    hint: 'Download two files, one after the other, without leaving: each has to be itself.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const first = expectAllParts(bench, await bench.download(ann, 'binary.bin'));
      const record = await bench.download(ann, 'usual.txt', { pause: NOTHING_FOR });
      const second = expectAllParts(bench, record);
      expectPause(bench, record, 0.5);
      // Other mistakes in it cost the points of other checks.
      if (!second.subarray(0, SEGMENT_PAYLOAD).equals(first.subarray(0, SEGMENT_PAYLOAD))) return;
      bench.fail({
        wrong: 'the second download has the bytes of the first one',
        ...{ expected: record.file, got: 'binary.bin' },
        frames: record.parts.slice(0, 1).map(({ frame }) => frame),
      });
    },
  },
  {
    ...{ name: 'datagram-format', family: 'downloading', points: 2 },
    needs: 'download-begun',
    line: '"The sequence number and the char \':\' will be saved there too as the first 5 bytes".',
    hint: 'Look at a datagram in Wireshark: four bytes of number, the colon, then 2043 bytes of the file; the last one is shorter.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const record = await bench.download(ann, 'usual.txt');
      const size = bench.files[record.file]?.length ?? 0;
      const last = Math.ceil(size / SEGMENT_PAYLOAD) - 1;
      const [stray] = record.strays;
      if (stray !== undefined) {
        bench.fail({
          wrong: 'a datagram is no part',
          expected: `a number from 0 to ${last}, ':', and bytes of the file`,
          got: stray.why,
          frames: record.strays.slice(0, 3).map(({ frame }) => frame),
        });
      }
      if (record.parts.length === 0) {
        bench.fail({ wrong: 'no datagram came', expected: `${last + 1} parts`, got: 'none' });
      }
      const bad = record.parts.find(({ seq, length }) => {
        return length !== (seq < last ? SEGMENT_PAYLOAD : size - last * SEGMENT_PAYLOAD);
      });
      if (bad === undefined) return;
      bench.fail({
        wrong: `part ${bad.seq} has the wrong length`,
        expected: `${bad.seq < last ? SEGMENT_PAYLOAD : size - last * SEGMENT_PAYLOAD} bytes of the file`,
        got: `${bad.length}`,
        frames: [bad.frame],
      });
    },
  },
  {
    ...{ name: 'last-byte', family: 'downloading', points: 1 },
    needs: 'download-whole',
    line: '"User <your name> downloaded 100% out of file. Last byte is: <last byte>"',
    hint: 'After "stop" the server tells the last byte of the file: as a number, or as the character.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      const record = await bench.download(ann, 'one-part-and-a-byte.txt');
      const words = record.lastWords.trim();
      const told = /last byte[^:]*:\s*(.*)$/i.exec(words)?.[1] ?? '';
      // Of '.', which is 46: as a number, in hexadecimal, as a character, as Python shows bytes.
      if (/^(?:46|0x2e|b?['"]?\.['"]?)\.?\s*$/i.test(told)) return;
      bench.fail({
        wrong: words === '' ? 'no answer to stop' : 'the last byte is not told',
        expected: `User ${ann.name} downloaded 100% out of file. Last byte is: 46`,
        got: words || 'nothing',
        share: words === '' ? 1 : 0.5,
      });
    },
  },
  {
    ...{ name: 'needs-connect', family: 'downloading', points: 1 },
    needs: 'download-begun',
    line: '"Note that you must be connected to do that action."',
    hint: 'Send download|FILE without connect|NAME before it: no number of parts may come.',
    run: async (bench) => {
      const guest = await bench.connect();
      await guest.say('download|usual.txt');
      const answer = await guest.hears(ANYTHING, NOTHING_FOR);
      if (!/^\s*\|\s*\d/.test(answer?.[0] ?? '')) return;
      bench.fail({
        wrong: 'whoever is not connected can download',
        ...{ expected: 'no number of parts', got: answer?.[0] ?? '' },
      });
    },
  },
  {
    ...{ name: 'file-not-found', family: 'downloading', points: 2 },
    line: '"you will receive the message: Can\'t download. File not found".',
    hint: 'Ask for a file that is not there, and then for one that is.',
    run: async (bench) => {
      const ann = await bench.login('ann');
      ann.forget();
      await ann.say('download|no-such-file.txt');
      if ((await ann.hearsLine(/not found|can.?t|no such|not exist|error/i)) === undefined) {
        bench.fail({
          wrong: 'nothing is said of a file that is not there',
          ...{ expected: "Can't download. File not found", got: ann.unread || 'nothing' },
        });
      }
      await ann.say('get_users');
      if (await ann.hears(ANYTHING)) return;
      bench.blame({
        wrong: 'after that, the server does not answer this client any more',
        ...{ expected: 'an answer to get_users', got: 'nothing', share: 0.5 },
      });
    },
  },
];
