/** A path on which parts get lost, for both sides. */
export interface Loss {
  /** A ready scenario. */
  readonly scenario: string;
  /** What is lost, for the student. */
  readonly words: string;
  readonly points: number;
  /** By which so much is lost of a file of 40 parts. */
  readonly seed: number;
}

export const LOSSES: readonly Loss[] = [
  { scenario: 'first-datagram', words: 'the first part is lost', points: 1, seed: 42 },
  { scenario: 'last-datagram', words: 'the last part is lost', points: 1, seed: 42 },
  { scenario: 'every-third', words: 'every third part is lost', points: 2, seed: 42 },
  { scenario: 'some-loss', words: 'one datagram of twenty is lost', points: 1, seed: 42 },
  { scenario: 'heavy-loss', words: 'one datagram of five is lost', points: 2, seed: 42 },
  { scenario: 'burst', words: 'parts are lost several at a time', points: 1, seed: 385 },
  { scenario: 'stubborn', words: 'one part is lost five times', points: 2, seed: 42 },
];
