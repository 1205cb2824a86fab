import { describe, expect, test } from 'vitest';
import { HeardText, wordsOf } from '../../lib/lab/grader/heard-text.ts';

describe('what the grader hears without line ends', () => {
  test('is two messages where the second came after a while', () => {
    const heard = new HeardText(100);
    heard.push('proceed', 1000);
    expect(heard.beforePause).toBeUndefined();
    heard.push('20 21', 1100);
    expect(heard.text).toBe('proceed20 21');
    expect(heard.beforePause).toBe('proceed');
    heard.take(7);
    expect(heard.beforePause).toBeUndefined();
    heard.push(' 22', 1110);
    expect(heard.beforePause).toBeUndefined();
    heard.push('stop', 1300);
    heard.push('20', 1400);
    expect(heard.beforePause).toBe('20 21 22');
    heard.take('20 21 22'.length);
    expect(heard.beforePause).toBe('stop');
    heard.take('stop20'.length);
    expect([heard.text, heard.beforePause]).toEqual(['', undefined]);
    heard.push('21', 2000);
    expect(heard.beforePause).toBeUndefined();
  });

  test('is kept as far as there is room, the end of it', () => {
    const heard = new HeardText(5);
    heard.push('abcd', 0);
    heard.push('efg', 100);
    expect(heard.text).toBe('cdefg');
    expect(heard.beforePause).toBe('cd');
    heard.push('hijkl', 200);
    expect(heard.text).toBe('hijkl');
    expect(heard.beforePause).toBeUndefined();
  });

  test.each([
    ['proceed', ['proceed']],
    ['proceed20 21 39', ['proceed', '20 21 39']],
    ['1 2 3proceed20', ['1 2 3', 'proceed', '20']],
    [' [1, 2]stop ', ['[1, 2]', 'stop']],
    ['no', ['no']],
    ['proceed, please', ['proceed, please']],
    ['', ['']],
  ])('%j is %j', (message, words) => {
    expect(wordsOf(message)).toEqual(words);
  });

  test('takes no time, whatever it is', () => {
    const begin = performance.now();
    wordsOf(`${'1'.repeat(30_000)}x`);
    wordsOf(`${'stop'.repeat(8000)}x`);
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});
