import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { nameProblem, safeName } from '../../lib/storage/safe-name.ts';
import { TemporaryFolder } from './folder.ts';

/** Names as a peer may send them: any text, and what is special on some system. */
const anyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 300 }),
  fc.string({ unit: 'grapheme', maxLength: 300 }),
  fc
    .array(
      fc.constantFrom(
        ...[
          '/',
          '\\',
          '..',
          '.',
          ' ',
          ':',
          '*',
          '?',
          '"',
          '<',
          '>',
          '|',
          '\0',
          '\n',
          '\x7f',
          '\x9f',
        ],
        ...['con', 'AUX', 'nul', 'com1', 'LPT9', 'com¹', 'lpt³', '.txt', 'a', 'é', '文', '🙂', '_'],
        ...['\u2028', '\u202e', '\ud800', 'x'.repeat(228), '文'.repeat(76)],
      ),
      { maxLength: 12 },
    )
    .map((parts) => parts.join('')),
);

/** After Microsoft, "Naming Files, Paths, and Namespaces". */
const RESERVED = /^(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(\..*)?$/i;

describe('a safe name', () => {
  const holds = (check: (safe: string) => void): void => {
    const property = fc.property(anyName, (name) => {
      check(safeName(name));
    });
    fc.assert(property, { numRuns: 3000 });
  };

  test('is never empty, and at most 230 bytes long', () => {
    holds((safe) => {
      expect(safe).not.toBe('');
      expect(Buffer.byteLength(safe)).toBeLessThanOrEqual(230);
    });
  });

  test('has no separators, no control characters and nothing that Windows forbids', () => {
    holds((safe) => expect(safe).not.toMatch(/[/\\:*?"<>|\p{Cc}\u2028\u2029\u202a-\u202e]/u));
  });

  test('does not begin with a dot', () => {
    holds((safe) => expect(safe.startsWith('.')).toBe(false));
  });

  test('does not end with a dot or a space, which Windows would drop', () => {
    holds((safe) => expect(safe).not.toMatch(/[. ]$/));
  });

  test('is no name of a device on Windows', () => {
    holds((safe) => expect(safe).not.toMatch(RESERVED));
  });

  test('is safe as it is: making it safe again changes nothing', () => {
    holds((safe) => {
      expect(safeName(safe)).toBe(safe);
      expect(nameProblem(safe)).toBeUndefined();
    });
  });
});

test.each([
  ['q.txt', 'q.txt'],
  ['two words (1).tar.gz', 'two words (1).tar.gz'],
  ['héllo 文書 🙂.txt', 'héllo 文書 🙂.txt'],
  ['', 'download'],
  ['.profile', '_profile'],
  ['x'.repeat(300), 'x'.repeat(230)],
])('of $0 is $1', (name, safe) => {
  expect(safeName(name)).toBe(safe);
});

test.each([
  '../../etc/passwd',
  '/etc/passwd',
  'C:\\Windows\\x',
  'a/b',
  '..',
  '.',
  '\0',
  'a\nb',
  'CON',
])('of %j is another one, by which a file can be made in one folder', async (name) => {
  await using folder = await TemporaryFolder.make();
  const safe = safeName(name);
  expect(safe).not.toBe(name);
  await writeFile(join(folder.path, safe), '', { flag: 'wx' });
});

test('a name that reserved devices have with digits written high is not kept', () => {
  for (const name of ['COM¹', 'com²', 'LPT³.txt']) expect(safeName(name)).not.toMatch(RESERVED);
});

test('a name that is cut does not end within a character, nor with a dot or a space', () => {
  expect(safeName('文'.repeat(100))).toBe('文'.repeat(76));
  expect(safeName(`${'x'.repeat(229)}.txt`)).not.toMatch(/[. ]$/);
  expect(safeName(`${'x'.repeat(229)} and more`)).not.toMatch(/[. ]$/);
});

test('a name that is cut does not become the name of a device', () => {
  expect(safeName(`con${' '.repeat(230)}x`)).not.toMatch(RESERVED);
  expect(safeName(`aux${'.'.repeat(230)}x`)).not.toMatch(RESERVED);
});

test('what is wrong with a name is told, with one that would do', () => {
  expect(nameProblem('q.txt')).toBeUndefined();
  expect(nameProblem('a/b')).toBe('give a name, not a path');
  expect(nameProblem('..\\b')).toBe('give a name, not a path');
  expect(nameProblem('what?')).toContain('what_');
});
