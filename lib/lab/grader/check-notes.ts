import { CheckEnded, type Finding, type FindingInput, type Notes } from './check.ts';

/** What is written down of a check, at most. */
const MAX_STEPS = 400;

/** Where a check writes down what was done, and what is wrong. */
export class CheckNotes implements Notes {
  readonly steps: string[] = [];
  readonly findings: Finding[] = [];

  /** How many frames the capture of the check has so far. */
  protected get lastFrame(): number {
    return 0;
  }

  did(text: string): void {
    if (this.steps.length < MAX_STEPS) this.steps.push(text);
  }

  blame({ share = 1, ...finding }: FindingInput): void {
    const foundAfter = this.lastFrame;
    this.findings.push({ ...finding, share, ...(foundAfter > 0 && { foundAfter }) });
  }

  fail(finding: FindingInput): never {
    this.blame(finding);
    throw new CheckEnded(finding.wrong);
  }
}
