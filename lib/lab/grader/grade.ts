import type { Result, Side } from './check.ts';

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

/** What was found wrong, on one line. */
export function whyOf({ findings, why, status }: Result): string {
  if (status === 'left-out') return `left out: ${why}`;
  return findings.map(({ wrong }) => wrong).join('; ');
}
