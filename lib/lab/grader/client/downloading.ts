import type { ClientCheck } from '../client-bench.ts';
import type { Stage } from '../stages.ts';
import { expectPort, expectSaved } from './common.ts';

function sizeCheck(
  name: string,
  file: string,
  words: string,
  points: number,
  needs?: Stage,
): ClientCheck {
  return {
    ...{ name, family: 'downloading', points, ...(needs && { needs }) },
    line: `"The client ask you to provide the file new name and the client then saves the file data in that file." Here: ${words}.`,
    hint: 'Download a file like that, and compare it with the original (cmp).',
    run: async (bench) => {
      const ann = await bench.startOnline();
      expectSaved(bench, await ann.download(file));
    },
  };
}

const BEGUN = 'download-begun';
/** Files with a pause, as the one has that shows whether downloads work. */
const WHOLE = 'download-whole';

export const DOWNLOADING: readonly ClientCheck[] = [
  {
    ...{ name: 'download-request', family: 'downloading', points: 2 },
    line: '"The client sends to the server message: download|<file name>", and then "its udp socket port number".',
    hint: 'Look at the conversation in Wireshark: download|FILE, |N, and the port.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      expectPort(bench, await ann.download('two-parts.txt'));
    },
  },
  sizeCheck('size-one-byte', 'one-byte.bin', 'a file of one byte', 1),
  sizeCheck('size-one-part', 'one-part.txt', 'a file of 2043 bytes, which is one part', 1, BEGUN),
  sizeCheck(
    'size-one-part-and-a-byte',
    'one-part-and-a-byte.txt',
    '2044 bytes, two parts',
    1,
    BEGUN,
  ),
  sizeCheck('size-two-parts', 'two-parts.txt', 'a multiple of 2043 bytes, two parts', 1, BEGUN),
  sizeCheck('size-many-parts', 'many.txt', 'a file of 300 parts', 2, WHOLE),
  sizeCheck('size-empty', 'empty.bin', 'an empty file, which has no parts', 1, BEGUN),
  sizeCheck('binary', 'binary.bin', 'a file that is no text', 2, WHOLE),
  {
    ...{ name: 'second-file', family: 'downloading', points: 2 },
    needs: WHOLE,
    line: '"To download, you will need to write the command": as often as one likes.',
    hint: 'Download two files, one after the other, without leaving: each has to be itself.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const first = await ann.download('one-part.txt');
      const second = await ann.download('one-byte.bin');
      expectPort(bench, second);
      const { saved = Buffer.alloc(0) } = second;
      const isFirst = saved.length > 0 && first.saved?.subarray(0, saved.length).equals(saved);
      // Other mistakes in it cost the points of other checks.
      if (second.saved !== undefined && !isFirst) return;
      bench.fail({
        wrong: isFirst
          ? 'the second download has the bytes of the first one'
          : 'nothing is saved of the second download',
        expected: `${second.file} as ${second.newName}`,
        got: isFirst ? first.file : 'no file',
      });
    },
  },
  {
    ...{ name: 'new-name', family: 'downloading', points: 1 },
    needs: 'download-begun',
    line: '"Then the client program will ask you to provide the file new name."',
    hint: 'After the download the client asks for a name, and saves the file under it.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const { newName, savedAs } = await ann.download('one-byte.bin');
      if (savedAs === newName) return;
      bench.fail({
        wrong: 'the file is not saved under the new name',
        ...{ expected: newName, got: savedAs ?? 'no file' },
      });
    },
  },
  {
    ...{ name: 'says-stop', family: 'downloading', points: 1 },
    needs: 'download-whole',
    line: '"After download is finished the client send \'stop\' order via tcp to the server."',
    hint: 'After the last part the client sends stop.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const { stopped, others } = await ann.download('usual.txt');
      if (stopped) return;
      bench.fail({ wrong: 'no stop is sent', expected: 'stop', got: others.at(-1) ?? 'nothing' });
    },
  },
  {
    ...{ name: 'file-not-found', family: 'downloading', points: 2 },
    needs: 'download-begun',
    line: '"If the file you chose does not exist in the server, you will receive the message: Can\'t download. File not found".',
    hint: 'Ask for a file that is not there: the message is shown, and the next command works.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      await ann.type('download');
      await ann.untilPrompt();
      await ann.type('no-such-file.txt');
      await ann.hears(/download\|no-such-file\.txt/);
      await ann.tell("Can't download. File not found");
      if (!(await ann.shows(/not found/i))) {
        bench.blame({
          wrong: 'the refusal is not shown',
          ...{ expected: 'File not found', got: ann.screen, share: 0.5 },
        });
      }
      await ann.untilPrompt(300);
      await ann.type('get_users');
      if (await ann.hears(/get_users/)) return;
      bench.blame({
        wrong: 'after that, the next command does not work',
        ...{ expected: 'get_users', got: ann.unread || 'nothing', share: 0.5 },
      });
    },
  },
];
