import { beforeEach } from 'vitest';

const hasAll = process.platform === 'linux';
if (!hasAll)
  console.warn('Left out: several peers on one machine. Only Linux has all of 127.0.0.0/8.');

/** The tests of this file need several addresses of this machine. */
export function needSeveralAddresses(): void {
  beforeEach((context) => {
    if (!hasAll) context.skip('only Linux has all of 127.0.0.0/8');
  });
}
