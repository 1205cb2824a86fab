// Control characters, what no text may hold, line and paragraph separators, and the marks that reorder text: what could
// move a cursor, start an escape sequence or make one name look like another.
const UNSAFE = /[\p{Cc}\u2028\u2029\u200e\u200f\u061c\u202a-\u202e\u2066-\u2069\ufffe\uffff]/gu;

/**
 * A peer's text as it may be shown: every character that could drive a terminal is made visible
 * (`\x1b`), so that what is shown is what was sent.
 */
export function visible(text: string): string {
  return text.replace(UNSAFE, (character) => {
    const code = character.codePointAt(0) ?? 0;
    return code < 0x100
      ? `\\x${code.toString(16).padStart(2, '0')}`
      : `\\u${code.toString(16).padStart(4, '0')}`;
  });
}

/** Whether `text` holds a character that {@link visible} would have to escape. */
export function hasUnsafeCharacters(text: string): boolean {
  return text.search(UNSAFE) !== -1;
}

/** The first `count` characters, never half of one. */
export function firstCharacters(text: string, count: number): string {
  let end = 0;
  for (const character of text) {
    if (count === 0) break;
    end += character.length;
    count -= 1;
  }
  return text.slice(0, end);
}

/** `1 file`, `2 files`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** For example `2,043 bytes`, `1.2 MB`. */
export function formatBytes(bytes: number): string {
  if (bytes < 10_000) return `${Math.round(bytes)} bytes`;
  const units = ['kB', 'MB', 'GB', 'TB'];
  let value = bytes / 1000;
  let unit = 0;
  while (value >= 999.95 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  return `${value.toFixed(1)} ${units[unit]}`;
}

/** Numbers in ascending order, neighbours as a range: `3, 5–9`. */
export function formatRuns(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run !== undefined && number === run[1] + 1) run[1] = number;
    else runs.push([number, number]);
  }
  return runs.map(([first, last]) => (first === last ? first : `${first}–${last}`)).join(', ');
}

/** A text as it stands in the source of a pattern. */
export function inPattern(text: string): string {
  return text.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
