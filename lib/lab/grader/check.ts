/** What a check is, and what comes of it: the same for servers and for clients. */

import type { Lack, Stage } from './stages.ts';

export type Side = 'server' | 'client';

/** What was found wrong. */
export interface Finding {
  readonly wrong: string;
  readonly expected?: string;
  readonly got?: string;
  /** The share of the check's points that it costs, up to 1. */
  readonly share: number;
  /** Of the capture of this check, where it shows. */
  readonly frames?: readonly number[];
  /** The last frame of it when this was found: nothing that was waited for had come by then. */
  readonly foundAfter?: number;
}

/** One thing that is looked at, in words and numbers. */
export interface CheckInfo {
  /** Unique on its side, in kebab-case. */
  readonly name: string;
  readonly family: string;
  /** 0: it is about more than the document says, and is done where an assignment gives it points. */
  readonly points: number;
  /** For the student: which line of the assignment it is about. */
  readonly line: string;
  /** How to find out what is wrong. */
  readonly hint: string;
  /** The path between the two, by the name of a ready scenario; absent: `clean`. */
  readonly scenario?: string;
  readonly seed?: number;
  /** How far the program has to get for it to be tried; absent: `online`. */
  readonly needs?: Stage;
  /** Seconds; it is ended then. */
  readonly limit?: number;
}

/**
 * A check that can be done.
 * @typeParam Bench what it has to work with
 */
export interface Check<Bench> extends CheckInfo {
  /** @throws CheckEnded by {@link Notes.fail}: what follows makes no sense any more. */
  readonly run: (bench: Bench) => Promise<void>;
}

/** What a check writes down. */
export interface Notes {
  /** A step, in words. */
  did(text: string): void;
  /** Something is wrong; the check goes on. The whole of its points, unless a share is given. */
  blame(finding: FindingInput): void;
  /** Something is wrong, and the check is over. */
  fail(finding: FindingInput): never;
}

export type FindingInput = Omit<Finding, 'share' | 'foundAfter'> & { readonly share?: number };

/** Ends a check whose finding is written down. */
export class CheckEnded extends Error {}

export type Status = 'passed' | 'partly' | 'failed' | 'left-out';

/** What came of a check. */
export interface Result {
  readonly check: string;
  readonly family: string;
  readonly status: Status;
  /** Of how many, after the assignment. */
  readonly points: number;
  readonly earned: number;
  readonly line: string;
  readonly hint: string;
  /** What was done and what was said, in order. */
  readonly steps: readonly string[];
  readonly findings: readonly Finding[];
  readonly seconds: number;
  readonly scenario: string;
  readonly seed: number;
  /** The program does not get as far as it needs: other checks show why. */
  readonly untried?: Lack;
  /** Why it was left out. */
  readonly why?: string;
  /** Paths below the folder of the report. */
  readonly capture?: string;
  readonly chart?: string;
  /** What the program has printed meanwhile. */
  readonly output: string;
  /** Repeats it. */
  readonly command: string;
}

/** What is left of a check's points. @param points of the check, all in all */
export function earned(points: number, findings: readonly Finding[]): number {
  if (findings.length === 0) return points;
  const lost = findings.reduce((sum, { share }) => sum + share, 0);
  // Thirds of points are no use to anybody: half points at least.
  return Math.max(0, Math.floor(points * (1 - Math.min(1, lost)) * 2 + 1e-9) / 2);
}
