import { spawnSync } from 'node:child_process';

const { status, stdout } = spawnSync('python3', ['-c', 'import sys; print(sys.executable)'], {
  encoding: 'utf8',
});

export const hasPython = status === 0;

/** The interpreter itself: a program that chooses among several takes longer to start than it does. */
export const PYTHON = hasPython ? stdout.trim() : 'python3';

/** Without what is installed beside it, which takes as long to find as all the rest to start; and prints at once. */
export const PYTHON_FLAGS: readonly string[] = ['-S', '-u'];
