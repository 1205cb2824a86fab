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

/** Why there is nothing to try, and the checks that show it: none of them needs that stage. */
const LACKS: Readonly<Record<Side, Readonly<Record<Stage, readonly [why: string, see: string]>>>> =
  {
    server: {
      started: ['it does not start', 'starts'],
      online: ['no client can be connected', 'connect'],
      'download-begun': ['no number of parts is told', 'size-one-byte'],
      'download-whole': ['no download works', 'datagram-format and the sizes'],
    },
    client: {
      started: ['it does not start', 'starts'],
      online: ['the client does not ask to be connected', 'connect'],
      'download-begun': ['no download gets under way', 'download-request and size-one-byte'],
      'download-whole': ['no download works', 'download-request and the sizes'],
    },
  };

/** What is blamed on a program that gets less far than a check needs. */
export function lackOf(side: Side, reached: Stage, needed: Stage): FindingInput | undefined {
  if (reaches(reached, needed)) return undefined;
  const lacking = STAGES[STAGES.indexOf(reached) + 1] ?? needed;
  const [why, see] = LACKS[side][lacking];
  return {
    wrong: `this could not be tried, as ${why}`,
    ...{ expected: 'that it works when nothing is lost', got: `it does not; see ${see}` },
  };
}
