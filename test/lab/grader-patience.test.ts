import { describe, expect, test } from 'vitest';
import { CLIENT_CHECKS } from '../../lib/lab/grader/client-checks.ts';
import { Patience } from '../../lib/lab/grader/patience.ts';
import { SERVER_CHECKS } from '../../lib/lab/grader/server-checks.ts';
import { lackOf, STAGES } from '../../lib/lab/grader/stages.ts';

describe('the patience of the grader', () => {
  test('lasts with a program that answers, however slowly', () => {
    const patience = new Patience();
    const full = patience.span;
    for (let times = 0; times < 50; times += 1) patience.answered(1500);
    expect(patience.span).toBe(full);
  });

  test('gets less with one that often says nothing', () => {
    const patience = new Patience();
    const full = patience.span;
    patience.answered(10);
    for (let times = 0; times < 2; times += 1) patience.silent();
    expect(patience.span).toBe(full);
    patience.silent();
    expect(patience.span).toBe(800);
    expect(patience.shareOf(full)).toBe(800);
    patience.forgive();
    expect(patience.span).toBe(full);
  });

  test('stays far above the slowest answer, and never above what it was', () => {
    const patience = new Patience();
    const full = patience.span;
    for (let times = 0; times < 10; times += 1) patience.silent();
    patience.answered(150);
    expect(patience.span).toBe(1500);
    patience.answered(60);
    expect(patience.span).toBe(1500);
    patience.answered(2900);
    expect(patience.span).toBe(full);
  });
});

describe('how far a program gets', () => {
  test.each(['server', 'client'] as const)(
    'decides which checks of a %s can be tried, and where to look',
    (side) => {
      const checks = side === 'server' ? SERVER_CHECKS : CLIENT_CHECKS;
      for (const reached of STAGES) {
        const untried = checks.filter(({ needs = 'online' }) => {
          return STAGES.indexOf(needs) > STAGES.indexOf(reached);
        });
        const lacks = checks.map(({ needs = 'online' }) => lackOf(side, reached, needs));
        expect(checks.filter((_, at) => lacks[at] !== undefined)).toEqual(untried);
        // What it points to can be tried itself.
        for (const lack of lacks) {
          for (const see of lack?.see ?? []) {
            const shown = checks.find(({ name }) => name === see);
            expect(shown, see).toBeDefined();
            expect(untried).not.toContain(shown);
          }
        }
      }
      expect(checks.some(({ needs }) => needs === 'download-whole')).toBe(true);
    },
  );
});
