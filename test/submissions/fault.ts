/** A right submission with one planted fault: text that stands once in it, and what is there instead. */
export interface Fault {
  readonly name: string;
  readonly side: 'server' | 'client';
  /** File in the folder `servers` or `clients`. */
  readonly base: string;
  /** What it does wrong. */
  readonly about: string;
  /** The checks that cost it points: these, and no others. */
  readonly loses: readonly string[];
  readonly from: string;
  readonly to: string;
}
