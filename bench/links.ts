import { millis } from '../lib/core/brands.ts';
import { SimulatedDownload, SimulatedPath } from '../test/support/simulated-path.ts';
import { type Row, row } from './table.ts';

const MIB = 2 ** 20;

/** One download of the fast profile over simulated links, in virtual time: goodput over the limit. */
export function simulatedLinks(): Row[] {
  const rows: Row[] = [];
  for (const part of [1467, 2067]) {
    for (const loss of [0, 0.01, 0.05, 0.2]) {
      rows.push(...simulate({ mbit: 100, delay: 20, loss, part, size: 200 * MIB }));
    }
  }
  rows.push(...simulate({ mbit: 10, delay: 100, loss: 0.01, part: 1467, size: 50 * MIB }));
  rows.push(...simulate({ mbit: 1000, delay: 5, loss: 0.01, part: 1467, size: 400 * MIB }));
  return rows;
}

interface Link {
  readonly mbit: number;
  readonly delay: number;
  readonly loss: number;
  readonly part: number;
  readonly size: number;
}

function simulate({ mbit, delay, loss, part, size }: Link): Row[] {
  const rate = (mbit * 1e6) / 8;
  const queue = (rate * 2 * delay) / 1000;
  const path = new SimulatedPath({ rate, delay: millis(delay), queue, loss, seed: 1 });
  const one = new SimulatedDownload(path, size, part);
  path.network.run(millis(600_000));
  const seconds = (one.finishedAt ?? Number.POSITIVE_INFINITY) / 1000;
  const limit = (rate * (1 - loss) * part) / (part + 33);
  const link = `${mbit} Mbit/s, ${delay} ms, ${loss * 100} %, parts of ${part}`;
  const wasted = (100 * one.receiver.counts.duplicates) / one.cut.count;
  return [
    row(`${link}: goodput over the limit`, size / seconds / limit, { least: 0.95 }),
    row(`${link}: parts sent in vain`, wasted, { most: loss > 0.05 ? 3 : 1 }, '%'),
  ];
}
