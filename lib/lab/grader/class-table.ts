import type { Result } from './check.ts';

/** One submission of a class. */
export interface ClassEntry {
  readonly name: string;
  /** Absent: it could not be graded. */
  readonly report?: {
    readonly score: number;
    readonly earned: number;
    readonly points: number;
    readonly results: readonly Result[];
  };
  readonly why?: string;
}

/** A check, and how often it went wrong. */
export interface CheckCount {
  readonly check: string;
  readonly failed: number;
  readonly partly: number;
  readonly all: number;
}

/** The checks, those first that went wrong most often. */
export function failingMost(entries: readonly ClassEntry[]): CheckCount[] {
  const counts = new Map<string, { failed: number; partly: number; all: number }>();
  for (const { report } of entries) {
    for (const { check, status, untried } of report?.results ?? []) {
      const count = counts.get(check) ?? { failed: 0, partly: 0, all: 0 };
      counts.set(check, count);
      count.all += 1;
      // What is wrong there is counted where it shows.
      if (untried) continue;
      if (status === 'failed' || status === 'left-out') count.failed += 1;
      if (status === 'partly') count.partly += 1;
    }
  }
  return [...counts]
    .map(([check, count]) => ({ check, ...count }))
    .sort((a, b) => b.failed + b.partly / 2 - (a.failed + a.partly / 2));
}

/** `82 of 91 (9 off for coming late)`. */
export function scoreInWords({ score, earned, points }: NonNullable<ClassEntry['report']>): string {
  const off = earned - score;
  return `${score} of ${points}${off > 0 ? ` (${off} off for coming late)` : ''}`;
}

/** RFC 4180, with the mark by which table programs know that it is UTF-8: a row for each submission, a column for each check. */
export function classCsv(entries: readonly ClassEntry[]): string {
  const checks = [
    ...new Set(entries.flatMap(({ report }) => report?.results.map(({ check }) => check) ?? [])),
  ];
  const head = ['submission', 'score', 'earned', 'late', 'points', 'why', ...checks];
  const rows = entries.map(({ name, report, why = '' }) => {
    const byCheck = new Map(report?.results.map((result) => [result.check, result.earned]));
    const { score = '', earned = '', points = '' } = report ?? {};
    const late = report === undefined ? '' : report.earned - report.score;
    return [
      name,
      score,
      earned,
      late,
      points,
      why,
      ...checks.map((check) => byCheck.get(check) ?? ''),
    ];
  });
  return `\ufeff${[head, ...rows].map((row) => `${row.map(cell).join(',')}\r\n`).join('')}`;
}

/** A table program must not take the name of a folder for a formula. */
function cell(value: string | number): string {
  const text = String(value);
  const safe = typeof value === 'string' && /^[=+\-@\t\r]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}
