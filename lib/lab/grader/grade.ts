import type { Finding, Result, Side } from './check.ts';
import type { Lack } from './stages.ts';

/** What came of grading one submission. */
export interface Grade {
  readonly side: Side;
  /** Of the assignment. */
  readonly title: string;
  /** What was started. */
  readonly command: string;
  /** How it reads the vague places of the document, in words: what, and how. */
  readonly readings: readonly (readonly [string, string])[];
  /** What kept it from doing harm, in words. */
  readonly sandbox: string;
  readonly results: readonly Result[];
  readonly seconds: number;
}

export interface Totals {
  readonly earned: number;
  readonly points: number;
}

export function totals(results: readonly Result[]): Totals {
  return {
    earned: results.reduce((sum, { earned }) => sum + earned, 0),
    points: results.reduce((sum, { points }) => sum + points, 0),
  };
}

/** The results of each family, in the order in which the families come. */
export function byFamily(results: readonly Result[]): ReadonlyMap<string, readonly Result[]> {
  const families = new Map<string, Result[]>();
  for (const result of results) {
    const family = families.get(result.family) ?? [];
    family.push(result);
    families.set(result.family, family);
  }
  return families;
}

/** What many checks could not be tried for. */
export interface Obstacle extends Lack {
  /** How many checks it keeps from being tried, and how many points they have. */
  readonly checks: number;
  readonly points: number;
}

/** What to mend first; `undefined` where all could be tried. */
export function obstacleOf(results: readonly Result[]): Obstacle | undefined {
  const behind = results.filter(({ untried }) => untried !== undefined);
  const lack = behind[0]?.untried;
  if (lack === undefined) return undefined;
  // What shows it, as far as it stands in this report, and is not as it should be.
  const wrong = results.filter(({ status }) => status !== 'passed').map(({ check }) => check);
  const see = lack.see.filter((check) => wrong.includes(check));
  return { ...lack, see, checks: behind.length, points: totals(behind).points };
}

/** The same in words, on a line. */
export function obstacleInWords({ why, see, checks, points }: Obstacle): string {
  const those = checks === 1 ? 'a check' : `${checks} checks`;
  const first = see.length === 0 ? '' : `begin with ${see.join(', ')}: `;
  return `${first}${why}, so ${those} of ${points} points could not be tried`;
}

/** Where in the capture it shows, in words; `undefined` where there is none. */
export function framesOf({ frames = [], foundAfter }: Finding): string | undefined {
  const shown = frames.length === 0 ? [] : [frames.join(', ')];
  const found = foundAfter === undefined ? [] : [`it was found out after frame ${foundAfter}`];
  return [...shown, ...found].join('; ') || undefined;
}

/** What was found wrong, on one line. */
export function whyOf({ findings, why, status }: Result): string {
  if (status === 'left-out') return `left out: ${why}`;
  return findings.map(({ wrong }) => wrong).join('; ');
}
