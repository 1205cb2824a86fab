/** A path on which parts get lost, for both sides. */
export interface Loss {
  /** A ready scenario. */
  readonly scenario: string;
  /** What is lost, for the student. */
  readonly words: string;
  readonly points: number;
}

export const LOSSES: readonly Loss[] = [
  { scenario: 'first-datagram', words: 'the first part is lost', points: 1 },
  { scenario: 'last-datagram', words: 'the last part is lost', points: 1 },
  { scenario: 'every-third', words: 'every third part is lost', points: 2 },
  { scenario: 'some-loss', words: 'one datagram of twenty is lost', points: 1 },
  { scenario: 'heavy-loss', words: 'one datagram of five is lost', points: 2 },
  { scenario: 'burst', words: 'parts are lost several at a time', points: 1 },
  { scenario: 'stubborn', words: 'one part is lost five times', points: 2 },
];
