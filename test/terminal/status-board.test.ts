import { expect, test } from 'vitest';
import { StatusBoard } from '../../lib/terminal/status-board.ts';

test('a row for each bar, as long as it has a status, and no more than eight', () => {
  let shown: string | undefined;
  const board = new StatusBoard({
    columns: 40,
    setStatus: (text) => {
      shown = text;
    },
  });
  const rows = Array.from({ length: 11 }, () => board.add());
  rows[1]?.setStatus('b');
  rows[0]?.setStatus('a');
  expect(shown).toBe('b\na');
  rows[1]?.setStatus('B');
  expect(shown).toBe('B\na');
  for (const [index, row] of rows.entries()) row.setStatus(`${index}`);
  expect(shown).toBe('1\n0\n2\n3\n4\n5\n6\n7\n… and 3 more');
  for (const row of rows.slice(0, 10)) row.setStatus(undefined);
  expect(shown).toBe('10');
  rows[10]?.setStatus(undefined);
  expect(shown).toBeUndefined();
});
