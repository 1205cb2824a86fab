import { randomFrom } from '../../../core/random.ts';
import { SEGMENT_PAYLOAD } from '../../../udp-reliable/segment.ts';
import type { ClientCheck } from '../client-bench.ts';
import { expectUnharmed } from './common.ts';

const CHANCE = Buffer.from(
  Array.from({ length: SEGMENT_PAYLOAD }, (_, at) => Math.floor(randomFrom(9, at) * 256)),
);

/** Datagrams that are no parts of this file, made from the part that comes next. */
const STRAYS = {
  short: () =>
    ['', ':', 'ab', '\0\0\0\0', '\0\0\0\x01:'].map((text) => Buffer.from(text, 'latin1')),
  'without a colon': (part: Buffer) => {
    const spoilt = Buffer.from(part);
    spoilt[spoilt.indexOf(':')] = 0x58;
    return [spoilt.fill('x', 6), Buffer.from('hello, is anybody there? this is no part of a file')];
  },
  'out of range': () => {
    const header = Buffer.from([0x7f, 0xff, 0xff, 0xff, 0x3a]);
    return [Buffer.concat([header, CHANCE]), Buffer.concat([Buffer.from('99999:'), CHANCE])];
  },
  // The last part of a file may have any length.
  'of wrong length': (part: Buffer) =>
    part.length - part.indexOf(':') - 1 < SEGMENT_PAYLOAD ? [] : [part.subarray(0, 400)],
  'from elsewhere': (part: Buffer) => [Buffer.from(part).fill('x', 6)],
} as const satisfies Record<string, (part: Buffer) => Buffer[]>;

function strayCheck(
  name: string,
  which: keyof typeof STRAYS,
  words: string,
  points = 1,
): ClientCheck {
  return {
    ...{ name, family: 'robustness', points },
    needs: 'download-whole',
    line: `Anybody can send datagrams to a UDP port: ${words} must not harm.`,
    hint: 'Send such a datagram to the client in the middle of a download: the file is right all the same.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      const straysFromElsewhere = which === 'from elsewhere';
      const plan = { strays: STRAYS[which], straysFromElsewhere };
      expectUnharmed(bench, await ann.download('usual.txt', plan));
    },
  };
}

export const ROBUSTNESS: readonly ClientCheck[] = [
  {
    ...{ name: 'duplicates', family: 'robustness', points: 2, scenario: 'duplicate-all' },
    needs: 'download-whole',
    line: 'UDP may deliver a datagram twice: each part counts once.',
    hint: 'Repeat it with `wirelab link --scenario duplicate-all`.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      expectUnharmed(bench, await ann.download('usual.txt', { fateOf: bench.fateOf }));
    },
  },
  {
    ...{ name: 'other-order', family: 'robustness', points: 2 },
    needs: 'download-whole',
    line: 'UDP may deliver datagrams in any order: "the location in the list is the sequence number".',
    hint: 'Repeat it with `wirelab link --scenario reorder`.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      expectUnharmed(bench, await ann.download('usual.txt', { backwards: true }));
    },
  },
  {
    ...{ name: 'message-in-download', family: 'robustness', points: 1 },
    needs: 'download-whole',
    line: '"receive messages from the server and handle them": they come in a download, too.',
    hint: 'Let somebody send a message to all while the client downloads: the file is right all the same.',
    run: async (bench) => {
      const ann = await bench.startOnline();
      expectUnharmed(bench, await ann.download('usual.txt', { aside: 'zoe: hello from me' }));
    },
  },
  strayCheck('short-datagrams', 'short', 'datagrams that are too short'),
  strayCheck('foreign-datagrams', 'without a colon', 'datagrams without a colon'),
  strayCheck('numbers-out-of-range', 'out of range', 'numbers that no part of the file has'),
  // UDP delivers whole datagrams only, and the document does not say that others may send any.
  strayCheck('wrong-lengths', 'of wrong length', 'a part that is shorter than it has to be', 0),
  strayCheck('other-senders', 'from elsewhere', 'parts that come from another address', 0),
];
