import { type Grade, totals, whyOf } from './grade.ts';

/** What the reporter of GitHub Classroom's autograding takes, as JSON in Base64, from `NAME_RESULTS`. */
export interface GithubResults {
  readonly version: 1;
  readonly status: 'pass' | 'fail';
  readonly max_score: number;
  readonly tests: readonly {
    readonly name: string;
    readonly status: 'pass' | 'fail';
    readonly score: number;
    readonly message: string;
    readonly test_code: string;
    readonly filename: string;
    readonly line_no: number;
    readonly execution_time: number;
  }[];
}

export function githubResults(grade: Grade): GithubResults {
  const { earned, points } = totals(grade.results);
  return {
    version: 1,
    status: earned === points ? 'pass' : 'fail',
    max_score: points,
    tests: grade.results.map((result) => ({
      name: result.check,
      status: result.status === 'passed' ? 'pass' : 'fail',
      score: result.earned,
      message: whyOf(result),
      test_code: result.command,
      filename: '',
      line_no: 0,
      execution_time: Math.round(result.seconds * 1000),
    })),
  };
}
