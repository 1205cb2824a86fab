/** One line of what the bench prints. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  readonly bound: string;
  readonly kept: boolean;
}

/** A row whose bound is the most, or the least, that the value may be. */
export function row(
  what: string,
  value: number | undefined,
  bound: { readonly most: number } | { readonly least: number },
  unit = '',
): Row {
  const most = 'most' in bound;
  const limit = most ? bound.most : bound.least;
  const digits = limit < 10 ? 2 : 0;
  const kept = value === undefined || (most ? value <= limit : value >= limit);
  const measured = value === undefined ? 'not measured here' : `${value.toFixed(digits)} ${unit}`;
  return {
    what,
    measured: measured.trim(),
    bound: `${most ? '≤' : '≥'} ${limit} ${unit}`.trim(),
    kept,
  };
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function print(title: string, rows: readonly Row[]): void {
  process.stdout.write(
    `\n## ${title}\n\n| what | measured | bound | kept |\n| --- | --- | --- | --- |\n`,
  );
  for (const { what, measured, bound, kept } of rows) {
    process.stdout.write(`| ${what} | ${measured} | ${bound} | ${kept ? 'yes' : '**no**'} |\n`);
  }
}
