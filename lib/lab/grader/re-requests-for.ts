import type { Separator } from './server-bench.ts';

/** The messages that ask for these parts, as the server reads them. */
export function reRequestsFor(seqs: readonly number[], separator: Separator = ' '): string[] {
  if (separator === 'each') return seqs.map(String);
  return [separator === 'list' ? `[${seqs.join(', ')}]` : seqs.join(separator)];
}
