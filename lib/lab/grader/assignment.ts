import { parseShare } from '../../core/units.ts';
import { type Field, readFields, readNamed } from '../fields.ts';
import type { Side } from './check.ts';
import type { Prompts } from './client-bench.ts';

/** How much is taken off for what comes late. */
export interface LatePolicy {
  /** Milliseconds since 1970. */
  readonly due: number;
  /** The share of all points for each day that has begun. */
  readonly perDay: number;
  /** The share that is taken off at most. */
  readonly most: number;
}

/** What a teacher has decided; the default is right for the document as it stands. */
export interface Assignment {
  readonly title: string;
  /** What is graded, and what starts it, when no flag says so. */
  readonly side?: Side;
  readonly command?: string;
  readonly ports: readonly number[];
  /** Points of a check, where they are not its own. 0: it is not done. */
  readonly points: Readonly<Record<string, number>>;
  /** Families that are done; absent: all. */
  readonly families?: readonly string[];
  /** Readings that are required, as the report has them; absent: any is fine. */
  readonly readings: Readonly<Record<string, string>>;
  /** What each that differs costs. */
  readonly readingPoints: number;
  /** What clients show when they ask, where the usual words do not fit. */
  readonly prompts?: Prompts;
  /** Checks and families that students do not see before the grades are out. */
  readonly hidden: readonly string[];
  /** Seconds for a check that has no limit of its own, and for all of them. */
  readonly checkSeconds: number;
  readonly wholeSeconds: number;
  readonly late?: LatePolicy;
  /** Whether the class sees the points of each in Gradescope's leaderboard. */
  readonly leaderboard: boolean;
}

export const DEFAULT_ASSIGNMENT: Assignment = {
  title: 'classroom: chat and selective-repeat download',
  ports: Array.from({ length: 16 }, (_, at) => 55_000 + at),
  ...{ points: {}, readings: {}, readingPoints: 2, hidden: [] },
  ...{ checkSeconds: 20, wholeSeconds: 600, leaderboard: false },
};

const TEXT: Field<string> = {
  parse: (value) => (typeof value === 'string' && value.trim() !== '' ? value : undefined),
  form: 'text',
};
const NUMBER: Field<number> = {
  parse: (value) => (typeof value === 'number' && value >= 0 && value <= 1e6 ? value : undefined),
  form: 'a number from 0 to 1000000',
};
const SECONDS: Field<number> = {
  parse: (value) => (value === 0 ? undefined : NUMBER.parse(value)),
  form: 'a number of seconds above 0, at most 1000000',
};
const FLAG: Field<boolean> = {
  parse: (value) => (typeof value === 'boolean' ? value : undefined),
  form: 'true or false',
};
const NAMES: Field<string[]> = {
  parse: (value) =>
    Array.isArray(value) && value.every((one) => typeof one === 'string') ? value : undefined,
  form: 'a list of names',
};
/** Gradebooks and late policies go by halves. */
const POINTS: Field<number> = {
  parse: (value) => {
    const number = NUMBER.parse(value);
    return number !== undefined && Number.isInteger(2 * number) ? number : undefined;
  },
  form: 'a number of whole or half points, from 0 to 1000000',
};
const NUMBERS: Field<Record<string, number>> = {
  parse: (value) => readNamed(POINTS, value, 'points'),
  form: 'names of checks with points, like {pause: 5}',
};
const WORDS: Field<string> = {
  parse: (value) =>
    ['string', 'number', 'boolean'].includes(typeof value) ? `${value}` : undefined,
  form: 'what is required, in the words of the report',
};
const READINGS: Field<Record<string, string>> = {
  parse: (value) => readNamed(WORDS, value, 'readings'),
  form: 'names of readings with what is required, like {its messages end with: a line end}',
};
const PORTS: Field<number[]> = {
  parse: (value) => {
    const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(String(value)) ?? [];
    const count = Number(last) - Number(first) + 1;
    if (!(count >= 1 && count <= 64) || Number(first) < 1 || Number(last) > 65_535)
      return undefined;
    return Array.from({ length: count }, (_, at) => Number(first) + at);
  },
  form: 'a range of up to 64 ports, like 55000-55015',
};
const SHARE: Field<number> = {
  parse: (value) => parseShare(String(value)),
  form: 'a share, like 10% or 0.1',
};
const TIME: Field<number> = {
  parse: (value) => {
    const time = value instanceof Date ? value.getTime() : Date.parse(String(value));
    return Number.isNaN(time) ? undefined : time;
  },
  form: 'a time, like 2026-12-01T23:59:00Z',
};
const PATTERN: Field<RegExp> = {
  parse: (value) => {
    try {
      return typeof value === 'string' && value.length <= 200 ? new RegExp(value, 'i') : undefined;
    } catch {
      return undefined;
    }
  },
  form: "a regular expression, like 'which port'",
};
const PROMPT_FIELDS = {
  'own-address': PATTERN,
  'server-address': PATTERN,
  port: PATTERN,
  question: PATTERN,
};
const PROMPTS: Field<Prompts> = {
  parse: (value) => readFields(PROMPT_FIELDS, value, 'prompts', 'port: which port'),
  form: 'own-address, server-address, port and question',
};
const LATE_FIELDS = { due: TIME, 'per-day': SHARE, most: SHARE };
const LATE: Field<LatePolicy> = {
  parse: (value) => {
    const example = 'due: 2026-12-01T23:59:00Z';
    const { due, perDay = 0.1, most = 1 } = readFields(LATE_FIELDS, value, 'late', example);
    if (due === undefined) throw new Error(`late: due is missing, which has to be ${TIME.form}`);
    return { due, perDay, most };
  },
  form: 'due, per-day and most',
};

const FIELDS = {
  title: TEXT,
  server: TEXT,
  client: TEXT,
  ports: PORTS,
  points: NUMBERS,
  families: NAMES,
  readings: READINGS,
  'reading-points': POINTS,
  hidden: NAMES,
  prompts: PROMPTS,
  'check-seconds': SECONDS,
  'whole-seconds': SECONDS,
  late: LATE,
  leaderboard: FLAG,
};

/** Reads an assignment that YAML has held. @throws Error that says what is wrong with it. */
export function readAssignment(raw: unknown): Assignment {
  const { server, client, ...fields } = readFields(
    FIELDS,
    raw,
    'the assignment',
    'server: python3 Server.py',
  );
  if (server !== undefined && client !== undefined) {
    throw new Error('the assignment: it is about a server or a client, not about both');
  }
  const command = server ?? client;
  const side = server === undefined ? 'client' : 'server';
  return { ...DEFAULT_ASSIGNMENT, ...fields, ...(command === undefined ? {} : { side, command }) };
}

/** What a check is worth, and whether it is done at all. */
export function pointsOf(
  assignment: Assignment,
  check: { readonly name: string; readonly family: string; readonly points: number },
): number {
  const { points, families } = assignment;
  if (families !== undefined && !families.includes(check.family)) return 0;
  return points[check.name] ?? check.points;
}

/** Whether students see it only when the grades are out. */
export function isHidden(
  { hidden }: Assignment,
  result: { readonly check: string; readonly family: string },
): boolean {
  return hidden.includes(result.check) || hidden.includes(result.family);
}

/** The share of the points that is taken off. @param submitted milliseconds since 1970 */
export function lateShare({ late }: Assignment, submitted: number | undefined): number {
  if (late === undefined || submitted === undefined || submitted <= late.due) return 0;
  const days = Math.ceil((submitted - late.due) / 86_400_000);
  return Math.min(late.most, days * late.perDay);
}
