import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Descendant, glanceAtTree, processTree } from '../../lib/app/process-tree.ts';
import { until } from '../net/waiting.ts';

const tells = existsSync('/proc/self/stat');
if (!tells) console.warn('Left out: what comes of a process. It needs Linux.');

describe.skipIf(!tells)('what comes of a process', () => {
  test.each([
    ['for sure', processTree],
    ['at a glance', glanceAtTree],
  ])('is found %s, by generations', async (_, treeOf) => {
    const child = spawn('sh', ['-c', 'sleep 60 & sh -c "sleep 60 & wait" & wait'], {
      ...{ detached: true, stdio: 'ignore' },
    });
    const root = child.pid;
    if (root === undefined) throw new Error('it was not started');
    try {
      let tree: Descendant[] = [];
      await until('four processes', () => {
        tree = treeOf(root);
        return tree.length === 4;
      });
      expect(tree.map(({ generation }) => generation)).toEqual([0, 1, 1, 2]);
      expect(tree[0]).toMatchObject({ pid: root, parent: process.pid });
      expect(tree.slice(1, 3).map(({ parent }) => parent)).toEqual([root, root]);
      expect([tree[1]?.pid, tree[2]?.pid]).toContain(tree[3]?.parent);
    } finally {
      process.kill(-root, 'SIGKILL');
    }
  });

  test('has memory', () => {
    expect(glanceAtTree(process.pid)[0]?.memory).toBeGreaterThan(10_000_000);
  });

  test('is nothing where there is no such process', () => {
    expect(processTree(2 ** 30)).toEqual([]);
    expect(glanceAtTree(2 ** 30)).toEqual([]);
  });
});
