import { describe, expect, test } from 'vitest';
import { addressIn, HeardText, questionIn, wordsOf } from '../../lib/lab/grader/heard-text.ts';

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

  test('goes on where it cannot have ended', () => {
    const heard = new HeardText(100);
    for (const [at, chunk] of ['127.0.0.1|', '50123', '20, ', '21'].entries()) {
      heard.push(chunk, 1000 * at);
    }
    expect(heard.beforePause).toBe('127.0.0.1|50123');
    heard.take('127.0.0.1|50123'.length);
    expect(heard.text).toBe('20, 21');
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
    // Two lists, of a file of 40 parts.
    ['20 2120 21', ['20 21', '20 21']],
    ['20 21 3920 21 39', ['20 21 39', '20 21 39']],
    // What no part has, and no two lists.
    ['20 40', ['20 40']],
    ['1000', ['1000']],
    ['-1 99999', ['-1 99999']],
  ])('%j is %j', (message, words) => {
    expect(wordsOf(message, 40)).toEqual(words);
  });

  test.each([
    ['50123', { digits: '50123' }],
    [' 127.0.0.1|50123\r', { host: '127.0.0.1', digits: '50123' }],
    ['501230 1 2 3 4', { digits: '50123' }],
    ['127.0.0.1|501230 1 2 3 40 1 2 3 4', { host: '127.0.0.1', digits: '50123' }],
    ['376420', { digits: '37642' }],
    ['3764200', { digits: '37642' }],
    ['432100 1 2', { digits: '43210' }],
    ['43210 1 2', { digits: '4321' }],
    ['37642stop', { digits: '37642', word: 'stop' }],
    ['127.0.0.1|37642 stop\n', { host: '127.0.0.1', digits: '37642', word: 'stop' }],
    ['37642proceed', undefined],
    ['37642 1', undefined],
    ['stop', undefined],
    ['port 37642', { digits: '37642' }],
    ['port|127.0.0.1|37642', { host: '127.0.0.1', digits: '37642' }],
    ['msg|37642', undefined],
    ['', undefined],
  ])('%j tells the port %j', (message, address) => {
    expect(addressIn(message)).toEqual(address);
  });

  test.each([
    ['3 17', '', [3, 17]],
    ['[3, 17]', '', [3, 17]],
    ['missing|3|17', 'missing', [3, 17]],
    ['resend:3,17', 'resend', [3, 17]],
    ['{"missing": [3, 17]}', 'missing', [3, 17]],
    ['resend|[3, 17]', 'resend', [3, 17]],
  ])('%j asks for parts', (text, word, seqs) => {
    expect(questionIn(text)).toEqual({ word, seqs });
  });

  test.each(['stop|ann12', '127.0.0.1:43210', 'proceed', 'no, 2 are enough', 'msg|7', ''])(
    '%j does not',
    (text) => {
      expect(questionIn(text)).toBeUndefined();
    },
  );

  test('takes no time, whatever it is', () => {
    const begin = performance.now();
    for (const one of ['1', 'stop', '127.0.0.1|', '0 1 ', '9999 ']) {
      const long = `${one.repeat(30_000 / one.length)}x`;
      wordsOf(long, 40);
      wordsOf(long.slice(0, -1), 40);
      addressIn(long);
      questionIn(long);
    }
    expect(performance.now() - begin).toBeLessThan(1000);
  });
});
