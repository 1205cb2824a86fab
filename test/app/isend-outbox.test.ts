import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { Outbox } from '../../lib/app/isend-outbox.ts';
import type { ItemOutcome } from '../../lib/isend/sender-effects.ts';
import { TemporaryFolder } from '../storage/folder.ts';

test.each(['confirmed', 'skipped', 'refused'] as const)(
  'what a receiver says does not drive the terminal: %s',
  async (type) => {
    await using folder = await TemporaryFolder.make();
    const path = join(folder.path, 'f');
    await writeFile(path, '');
    const lines: string[] = [];
    const report = (line: string): void => void lines.push(line);
    const outbox = new Outbox({ paths: [path], message: undefined, report, progress: undefined });
    const next = await outbox.next(false);
    if (next === undefined || !('file' in next)) throw new Error('no file');
    const outcome: ItemOutcome = { type, text: '\x1b]0;title\x07 saved' };
    outbox.ended(next.item, outcome);
    outbox.changed(next.item);
    await next.file.close();
    expect(lines).toHaveLength(2);
    expect(lines[0]).toContain('saved');
    expect(lines.join()).not.toMatch(/\p{Cc}/u);
    expect(outbox.missing).toBe(type === 'confirmed' ? 1 : 2);
  },
);
