import type { Side } from './check.ts';

/** How far a program gets when nothing goes wrong, from the least to the most. */
export const STAGES = ['nothing', 'started', 'online', 'download-begun', 'download-whole'] as const;
export type Stage = (typeof STAGES)[number];

/** A program gets as far as … */
export const IN_WORDS: Readonly<Record<Stage, string>> = {
  nothing: 'nothing',
  started: 'being started',
  online: 'being connected',
  'download-begun': 'the beginning of a download',
  'download-whole': 'whole downloads',
};

/** Whether who gets as far as `one` has got to `other`. */
export function reaches(one: Stage, other: Stage): boolean {
  return STAGES.indexOf(one) >= STAGES.indexOf(other);
}

/** Why what is behind a stage cannot be tried. */
export interface Lack {
  readonly why: string;
  readonly expected: string;
  /** The checks that show it, which are tried. */
  readonly see: readonly string[];
}

/** What there is not behind a stage. */
const LACKS: Readonly<Record<Side, Readonly<Record<Exclude<Stage, 'download-whole'>, Lack>>>> = {
  server: {
    nothing: {
      ...{ why: 'the server does not start', expected: 'it listens on its first port' },
      see: ['starts'],
    },
    started: {
      ...{ why: 'no client can be connected', expected: 'an answer to connect|NAME' },
      see: ['connect'],
    },
    online: {
      ...{ why: 'no number of parts is told', expected: '| and a number after download|FILE' },
      see: ['size-one-byte'],
    },
    'download-begun': {
      ...{ why: 'no download works', expected: 'a whole file when nothing is lost' },
      see: ['datagram-format', 'size-one-byte', 'size-two-parts', 'size-many-parts'],
    },
  },
  client: {
    nothing: {
      ...{ why: 'the client does not connect', expected: 'a TCP connection' },
      see: ['starts'],
    },
    started: {
      ...{ why: 'the client does not ask to be connected', expected: 'connect|NAME' },
      see: ['connect'],
    },
    online: {
      ...{
        why: 'no download gets under way',
        expected: 'download|FILE, a UDP port, and what follows',
      },
      see: ['download-request', 'size-one-byte'],
    },
    'download-begun': {
      ...{ why: 'no download works', expected: 'a whole file when nothing is lost' },
      see: ['download-request', 'size-one-byte', 'size-two-parts', 'asks-at-half'],
    },
  },
};

/** What is blamed on a program that gets less far than a check needs. */
export function lackOf(side: Side, reached: Stage, needed: Stage): Lack | undefined {
  if (reached === 'download-whole' || reaches(reached, needed)) return undefined;
  return LACKS[side][reached];
}
