import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { resultInWords, sumInWords } from '../../lib/app/check-terminal.ts';
import { FaultPlan } from '../../lib/lab/faults.ts';
import {
  DEFAULT_ASSIGNMENT,
  isHidden,
  lateShare,
  pointsOf,
  readAssignment,
} from '../../lib/lab/grader/assignment.ts';
import { earned, type Result } from '../../lib/lab/grader/check.ts';
import { classPage } from '../../lib/lab/grader/class-html.ts';
import { classCsv, failingMost } from '../../lib/lab/grader/class-table.ts';
import { CLIENT_CHECKS } from '../../lib/lab/grader/client-checks.ts';
import { USUAL_PARTS } from '../../lib/lab/grader/files.ts';
import type { Grade } from '../../lib/lab/grader/grade.ts';
import { LOSSES } from '../../lib/lab/grader/losses.ts';
import { githubResults } from '../../lib/lab/grader/report-github.ts';
import { gradescopeResults } from '../../lib/lab/grader/report-gradescope.ts';
import { htmlReport } from '../../lib/lab/grader/report-html.ts';
import { junitReport } from '../../lib/lab/grader/report-junit.ts';
import { tapReport } from '../../lib/lab/grader/report-tap.ts';
import { SERVER_CHECKS } from '../../lib/lab/grader/server-checks.ts';
import { readScenario } from '../../lib/lab/scenario.ts';
import { SCENARIOS } from '../../lib/lab/scenarios.ts';

const HOSTILE = '<script>alert("1")</script> & \x1b[31m]]>';

function result(check: string, status: Result['status'], more: Partial<Result> = {}): Result {
  const points = 2;
  const share = { passed: 0, partly: 0.5, failed: 1, 'left-out': 0 }[status];
  return {
    ...{ check, status, points, family: 'downloading', line: 'a line', hint: 'a hint' },
    ...{ earned: status === 'left-out' ? 0 : points * (1 - share), seconds: 1.5, output: HOSTILE },
    ...{
      steps: ['one step'],
      scenario: 'clean',
      seed: 1,
      command: `wirelab check --only ${check}`,
    },
    findings: share === 0 ? [] : [{ wrong: HOSTILE, expected: 'a', got: 'b', share, frames: [7] }],
    ...more,
  };
}

const GRADE: Grade = {
  ...{ side: 'server', title: 'an assignment', command: 'python3 s.py', seconds: 12.3 },
  ...{ readings: [['it pauses at', '50 %']], sandbox: 'none' },
  results: [
    result('one', 'passed'),
    result('two', 'partly'),
    result('three', 'failed', { family: 'pausing' }),
    result('four', 'left-out', { why: 'there was no time' }),
  ],
};

const LACK = { why: 'nobody can be connected', expected: 'an answer', see: ['users', 'connect'] };

describe('all checks', () => {
  test.each([
    ['server', SERVER_CHECKS],
    ['client', CLIENT_CHECKS],
  ] as const)('of a %s have names of their own, and words for the student', (_, checks) => {
    expect(new Set(checks.map(({ name }) => name)).size).toBe(checks.length);
    for (const { name, line, hint, points, scenario = 'clean' } of checks) {
      expect(name).toMatch(/^[a-z]+(-[a-z]+)*$/);
      expect(line.length).toBeGreaterThan(20);
      expect(hint.length).toBeGreaterThan(20);
      expect(points).toBeGreaterThanOrEqual(0);
      expect(Object.keys(SCENARIOS)).toContain(scenario);
    }
  });
});

describe('points', () => {
  test('go by the shares of what was found, half points at least', () => {
    const finding = (share: number) => ({ wrong: 'x', share });
    expect(earned(3, [])).toBe(3);
    expect(earned(0.7, [])).toBe(0.7);
    expect(earned(3, [finding(0.5)])).toBe(1.5);
    expect(earned(1, [finding(0.25)])).toBe(0.5);
    expect(earned(2, [finding(0.5), finding(0.5)])).toBe(0);
    expect(earned(2, [finding(1), finding(1)])).toBe(0);
  });
});

describe('what is lost of the usual file', () => {
  const lost = (scenario: string): number[] => {
    const loss = LOSSES.find((one) => one.scenario === scenario);
    const plan = new FaultPlan(readScenario(SCENARIOS[scenario]).toClient, loss?.seed ?? 0);
    const seqs = Array.from({ length: USUAL_PARTS }, (_, seq) => seq);
    return seqs.filter((seq) => plan.fateOf(seq, 1, USUAL_PARTS - 1).length === 0);
  };

  test('is what its words say', () => {
    expect(lost('first-datagram')).toEqual([0]);
    expect(lost('last-datagram')).toEqual([USUAL_PARTS - 1]);
    expect(lost('every-third')).toHaveLength(Math.floor(USUAL_PARTS / 3));
    // Of 40 parts, 2 and 8 on average.
    expect([1, 2, 3, 4]).toContain(lost('some-loss').length);
    expect([5, 6, 7, 8, 9, 10, 11]).toContain(lost('heavy-loss').length);
    expect(lost('stubborn')).toEqual([1]);
  });

  test('is several parts at a time in both halves, in bursts', () => {
    const seqs = lost('burst');
    const half = USUAL_PARTS / 2;
    for (const from of [0, half]) {
      const near = seqs.filter((seq) => seq >= from && seq + 2 < from + half);
      expect(near.some((seq) => seqs.includes(seq + 1) && seqs.includes(seq + 2))).toBe(true);
    }
  });
});

describe('an assignment', () => {
  test('says what counts', () => {
    const assignment = readAssignment(
      parse(`
title: Networks 3
server: python3 Server.py
ports: 55000-55003
points: { pause: 5, size-empty: 0 }
families: [pausing, downloading]
readings: { it pauses at: 50 % }
reading-points: 4
hidden: [stop-at-half, robustness]
prompts: { port: Anschluss, question: 'H.lfte' }
check-seconds: 10
late: { due: 2026-12-01T12:00:00Z, per-day: 10%, most: 0.3 }
`),
    );
    expect(assignment).toMatchObject({
      ...{ title: 'Networks 3', side: 'server', command: 'python3 Server.py' },
      ...{ ports: [55000, 55001, 55002, 55003], readings: { 'it pauses at': '50 %' } },
      ...{ readingPoints: 4, checkSeconds: 10, wholeSeconds: DEFAULT_ASSIGNMENT.wholeSeconds },
    });
    expect(assignment.prompts).toEqual({ port: /Anschluss/i, question: /H.lfte/i });
    const check = { name: 'pause', family: 'pausing', points: 3 };
    expect(pointsOf(assignment, check)).toBe(5);
    expect(pointsOf(assignment, { ...check, name: 'proceed' })).toBe(3);
    expect(pointsOf(assignment, { ...check, name: 'size-empty', family: 'downloading' })).toBe(0);
    expect(pointsOf(assignment, { ...check, name: 'users', family: 'lists' })).toBe(0);
    expect(isHidden(assignment, { check: 'stop-at-half', family: 'pausing' })).toBe(true);
    expect(isHidden(assignment, { check: 'junk', family: 'robustness' })).toBe(true);
    expect(isHidden(assignment, { check: 'pause', family: 'pausing' })).toBe(false);
    const due = Date.parse('2026-12-01T12:00:00Z');
    const day = 86_400_000;
    expect(
      [-1, 0, 1, day, day + 1, 9 * day].map((late) => lateShare(assignment, due + late)),
    ).toEqual([0, 0, 0.1, 0.1, 0.2, 0.3]);
    expect(lateShare(assignment, undefined)).toBe(0);
  });

  test('may leave out everything', () => {
    expect(readAssignment({})).toEqual(DEFAULT_ASSIGNMENT);
  });

  test.each([
    [{ titel: 'x' }, "'titel' is not understood; there are title, server"],
    [
      { points: { pause: 'many' } },
      "points: 'pause' has to be a number of whole or half points, from 0 to 1000000, not 'many'",
    ],
    [
      { points: { users: 1, pause: -5 } },
      "points: 'pause' has to be a number of whole or half points, from 0 to 1000000, not -5",
    ],
    [{ points: [1] }, 'points has to be names of checks with points, like {pause: 5}, not [1]'],
    [
      { points: null },
      'points has to be names of checks with points, like {pause: 5}, not nothing',
    ],
    [{ title: { a: ['x'.repeat(99)] } }, `title has to be text, not {"a":["${'x'.repeat(53)}…`],
    [
      { readings: { 'it pauses at': ['50 %'] } },
      'readings: \'it pauses at\' has to be what is required, in the words of the report, not ["50 %"]',
    ],
    [{ ports: '1-9999' }, 'ports has to be a range of up to 64 ports'],
    [{ ports: '55015-55000' }, 'ports has to be a range'],
    [{ server: 'a', client: 'b' }, 'about a server or a client, not about both'],
    [{ late: { per: 1 } }, "late: 'per' is not understood"],
    [{ late: { due: 'soon' } }, 'due has to be a time'],
    [
      { late: { 'per-day': '10%' } },
      'late: due is missing, which has to be a time, like 2026-12-01',
    ],
    [
      { late: 'never' },
      "late has to be names with values, like 'due: 2026-12-01T23:59:00Z', not 'never'",
    ],
    [{ prompts: { port: '(' } }, 'prompts: port has to be a regular expression'],
    [{ prompts: { name: 'x' } }, "prompts: 'name' is not understood"],
    [
      { 'check-seconds': 0 },
      'check-seconds has to be a number of seconds above 0, at most 1000000, not 0',
    ],
    [{ 'whole-seconds': 0 }, 'whole-seconds has to be a number of seconds above 0'],
    [{ families: 'all' }, 'families has to be a list of names'],
    [
      ['x'],
      `the assignment has to be names with values, like 'server: python3 Server.py', not ["x"]`,
    ],
  ])('%j is refused in words', (raw, words) => {
    expect(() => readAssignment(raw)).toThrow(words);
  });
});

/** Neither charts nor anything else. */
const PLAIN = { charts: () => [], late: 0 };

describe('a report', () => {
  test('for people stands on one page, and runs nothing that a program has said', () => {
    const page = htmlReport(GRADE, {
      ...{ charts: () => ['<svg>a chart</svg>'], late: 0.5, where: '/home/me/b`c', isPart: true },
    });
    expect(page).toContain('3 of 8 points</p><p>It came late: 0.5 points are taken off.</p>');
    expect(page).toContain('Other checks are hidden');
    expect(page).toContain('<b>To repeat it</b>, in /home/me/b`c:');
    expect(page).toContain('wirelab check --only three');
    expect(page).toContain('<svg>a chart</svg>');
    expect(page).not.toContain('<script');
    expect(page).not.toContain('\x1b');
    expect(page).not.toMatch(/(?:src|href)="(?:https?:)?\/\//);
  });

  describe('of a program that does not get far', () => {
    const results = [
      result('users', 'passed'),
      result('connect', 'failed'),
      result('pause', 'failed', { untried: LACK }),
      result('stop', 'failed', { untried: LACK, family: 'pausing' }),
    ];
    const grade = { ...GRADE, results };
    const first =
      'begin with connect: nobody can be connected, so 2 checks of 4 points could not be tried';

    test('says what to mend first, and what is wrong beside it', () => {
      const page = htmlReport(grade, PLAIN);
      expect(page.match(/<li>.*?<\/li>/g)).toEqual([
        expect.stringContaining('<a href="#connect">connect</a> −2'),
      ]);
      expect(page).toContain('<details id="connect" class="check failed" open>');
      expect(page).toContain('<details id="pause" class="check failed"><summary>');
      expect(page).toContain(`<p class="first">${first}</p>`);
      expect(gradescopeResults(grade, DEFAULT_ASSIGNMENT, 2).output.split('\n')).toContain(
        `${first}.`,
      );
      expect(sumInWords(grade)).toBe(`${first}\n2 of 8 points, in 12 s\n`);
    });

    test('does not tell students what is hidden', () => {
      const output = (...hidden: string[]): string =>
        gradescopeResults(grade, { ...DEFAULT_ASSIGNMENT, hidden }, 2).output;
      expect(output('pausing')).toContain('so a check of 2 points');
      expect(output('connect')).toContain('\nnobody can be connected, so 2 checks of 4 points');
    });

    test('has no list where all that is wrong could not be tried', () => {
      const behind = { ...grade, results: results.filter(({ untried }) => untried !== undefined) };
      expect(htmlReport(behind, PLAIN)).not.toContain('<ul>');
    });

    test('has a line for what could not be tried', () => {
      expect(resultInWords(result('pause', 'failed', { untried: LACK })).split('\n')).toHaveLength(
        3,
      );
      expect(resultInWords(result('pause', 'failed', { untried: LACK }))).toMatch(
        /^ {2}n\/a {2}pause/,
      );
    });
  });

  test('of a program that has all points says nothing of lost ones', () => {
    const right = { ...GRADE, results: [result('one', 'passed')] };
    expect(htmlReport(right, PLAIN)).not.toContain('Where points are lost');
    expect(sumInWords(right)).toBe('2 of 2 points, in 12 s\n');
  });

  test('for Gradescope has its exact fields', () => {
    const assignment = { ...DEFAULT_ASSIGNMENT, hidden: ['pausing'], leaderboard: true };
    const results = gradescopeResults(GRADE, assignment, 2.5);
    expect(Object.keys(results)).toEqual([
      ...['score', 'execution_time', 'output', 'output_format', 'stdout_visibility'],
      ...['tests', 'leaderboard'],
    ]);
    expect(results.score).toBe(2.5);
    expect(results.leaderboard).toEqual([{ name: 'points', value: 2.5 }]);
    expect(gradescopeResults(GRADE, DEFAULT_ASSIGNMENT, 2.5)).not.toHaveProperty('leaderboard');
    // Not what the hidden ones have cost.
    expect(results.output).toContain(
      '3 of 6 points in the checks that are shown\nIt came late: 0.5',
    );
    expect(
      results.tests.map((one) => [one.score, one.max_score, one.status, one.visibility]),
    ).toEqual([
      [2, 2, 'passed', 'visible'],
      [1, 2, 'failed', 'visible'],
      [0, 2, 'failed', 'after_published'],
      [0, 2, 'failed', 'visible'],
    ]);
    expect(Object.keys(results.tests[0] ?? {})).toEqual([
      ...['name', 'number', 'score', 'max_score', 'status', 'output', 'output_format', 'tags'],
      'visibility',
    ]);
    expect(results.tests[1]?.output).toContain('To repeat it: wirelab check --only two');
  });

  test('for GitHub Classroom', () => {
    const results = githubResults(GRADE);
    expect(results).toMatchObject({ version: 1, status: 'fail', max_score: 8 });
    expect(results.tests.map(({ name, status, score }) => [name, status, score])).toEqual([
      ...[
        ['one', 'pass', 2],
        ['two', 'fail', 1],
        ['three', 'fail', 0],
        ['four', 'fail', 0],
      ],
    ]);
  });

  test('in JUnit XML is well-formed whatever was said', () => {
    const xml = junitReport(GRADE);
    expect(xml).toContain('tests="4" failures="2" errors="0" skipped="1"');
    expect(xml).not.toContain('\x1b');
    // Every element is closed, and nothing of what was said is one.
    const open: string[] = [];
    for (const [, close, name, self] of xml.matchAll(/<(\/?)([a-z]+)[^>]*?(\/?)>/g)) {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (self !== '/' && name !== undefined) open.push(name);
    }
    expect(open).toEqual([]);
    expect(xml).not.toContain('<script');
  });

  test('in TAP', () => {
    const lines = tapReport(GRADE).split('\n');
    expect(lines.slice(0, 3)).toEqual([
      ...['TAP version 14', '1..4', 'ok 1 - downloading: one (2 of 2)'],
    ]);
    expect(lines).toContain('not ok 2 - downloading: two (1 of 2)');
    expect(lines).toContain('not ok 3 - pausing: three (0 of 2)');
    expect(lines).toContain('ok 4 - downloading: four (0 of 2) # SKIP there was no time');
    expect(lines.filter((line) => line.includes('\x1b'))).toEqual([]);
  });
});

describe('a class', () => {
  const { results } = GRADE;
  const report = { score: 3, earned: 3, points: 8, results };
  const entries = [
    { name: 'ann', report },
    { name: '=cmd|"x"', report: { ...report, score: 2.5, results: results.slice(0, 2) } },
    { name: '<b>zoe</b>', why: 'not graded: nothing, at all' },
  ];

  test('has a row for each submission, and a column for each check', () => {
    expect(classCsv(entries).split('\r\n')).toEqual([
      '\ufeffsubmission,score,earned,late,points,why,one,two,three,four',
      'ann,3,3,0,8,,2,1,0,0',
      `"'=cmd|""x""",2.5,3,0.5,8,,2,1,,`,
      '<b>zoe</b>,,,,,"not graded: nothing, at all",,,,',
      '',
    ]);
  });

  test('counts what is wrong where it shows, and not where it could not be tried', () => {
    const both = [result('pause', 'failed', { untried: LACK }), result('connect', 'failed')];
    const counts = failingMost([{ name: 'ann', report: { ...report, results: both } }]);
    expect(counts.map(({ check, failed, all }) => [check, failed, all])).toEqual([
      ['connect', 1, 1],
      ['pause', 0, 1],
    ]);
  });

  test('shows what went wrong most often', () => {
    expect(
      failingMost(entries).map(({ check, failed, partly, all }) => [check, failed, partly, all]),
    ).toEqual([
      ['two', 0, 2, 2],
      ['three', 1, 0, 1],
      ['four', 1, 0, 1],
      ['one', 0, 0, 2],
    ]);
    const page = classPage('a class', entries);
    expect(page).toContain('href="ann/report.html"');
    expect(page).toContain('>2.5 of 8 (0.5 off for coming late)<');
    expect(page).not.toContain('<b>zoe');
  });
});
