import type { Separator } from './server-bench.ts';

/** How a server wants to be asked for parts. */
export interface Asking {
  readonly separator: Separator | undefined;
  /** Stands before the numbers: `resend|`. */
  readonly askedWith: string;
}

/** The messages that ask for these parts, as the server reads them. */
export function reRequestsFor(
  seqs: readonly number[],
  { separator = ' ', askedWith }: Asking,
): string[] {
  if (separator === 'each') return seqs.map((seq) => `${askedWith}${seq}`);
  const list = separator === 'list' ? `[${seqs.join(', ')}]` : seqs.join(separator);
  return [`${askedWith}${list}`];
}

/** Words that a server may want before the numbers, and what stands between those. */
export const ASKINGS: readonly Asking[] = ['resend', 'missing', 'lost', 'again', 'nack'].flatMap(
  (word) => [
    ...([' ', ',', '|'] as const).map((separator) => ({ separator, askedWith: `${word}|` })),
    ...([' ', ','] as const).map((separator) => ({ separator, askedWith: `${word} ` })),
  ],
);
