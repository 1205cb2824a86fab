import type { FindingInput, Side } from './check.ts';

/** How far a program gets when nothing goes wrong, from the least to the most. */
export const STAGES = ['started', 'online', 'download-begun', 'download-whole'] as const;
export type Stage = (typeof STAGES)[number];

/** A program gets as far as … */
export const IN_WORDS: Readonly<Record<Stage, string>> = {
  started: 'being started',
  online: 'being connected',
  'download-begun': 'the beginning of a download',
  'download-whole': 'whole downloads',
};

/** Whether who gets as far as `one` has got to `other`. */
export function reaches(one: Stage, other: Stage): boolean {
  return STAGES.indexOf(one) >= STAGES.indexOf(other);
}

type Lack = readonly [why: string, see: string];

/** Why there is nothing to try behind a stage, and the checks that show it. */
const LACKS: Readonly<Record<Side, Readonly<Record<Exclude<Stage, 'download-whole'>, Lack>>>> = {
  server: {
    started: ['no client can be connected', 'connect'],
    online: ['no number of parts is told', 'size-one-byte'],
    'download-begun': ['no download works', 'datagram-format and the sizes'],
  },
  client: {
    started: ['the client does not ask to be connected', 'connect'],
    online: ['no download gets under way', 'download-request and size-one-byte'],
    'download-begun': ['no download works', 'download-request and the sizes'],
  },
};

/** What is blamed on a program that gets less far than a check needs. */
export function lackOf(side: Side, reached: Stage, needed: Stage): FindingInput | undefined {
  if (reached === 'download-whole' || reaches(reached, needed)) return undefined;
  const [why, see] = LACKS[side][reached];
  return {
    wrong: `this could not be tried, as ${why}`,
    ...{ expected: 'that it works when nothing is lost', got: `it does not; see ${see}` },
  };
}
