import { fastPayload } from '../../lib/udp-reliable/segment.ts';
import { median } from '../table.ts';
import type { LinkSettings } from './link.ts';
import { ADDRESS } from './path.ts';
import { type Condition, medianGoodput, type Result, type Results } from './results.ts';
import type { Tool } from './tools.ts';

/** What one table has in common. */
export type Setting = Omit<Condition, 'tool' | 'loss'>;

/**
 * A table in markdown: tools × losses, the median of the runs in MB/s.
 * @param leftOut what has to be done before a tool can run here, by its name.
 */
export function goodputTable(
  results: Results,
  setting: Setting,
  { loss: losses, peers }: { readonly loss: readonly number[]; readonly peers: readonly Tool[] },
  leftOut: ReadonlyMap<string, string>,
): string {
  const row = (title: string, cell: (loss: number) => string) =>
    `| ${[title, ...losses.map(cell)].join(' | ')} |\n`;
  const rows = [row('MB/s', (loss) => `${loss} %`), row('---', () => '---')];
  for (const tool of peers) {
    const runs = (loss: number) => results.of({ ...setting, tool: tool.name, loss });
    const todo = leftOut.get(tool.name);
    const title = todo === undefined ? tool.title : `${tool.title}: not installed (${todo})`;
    rows.push(row(title, (loss) => goodputCell(runs(loss))));
    if (tool.parts === undefined) continue;
    const overLimit = (loss: number) =>
      medianGoodput(runs(loss)) / goodputLimit({ ...setting, loss });
    const inVain = (loss: number) => median(runs(loss).flatMap((result) => result.inVain ?? []));
    rows.push(row('… over the limit', (loss) => numberCell(overLimit(loss), 3)));
    rows.push(row('… parts sent in vain, %', (loss) => numberCell(inVain(loss), 2)));
  }
  return rows.join('');
}

/** What a download of ours can reach: 10⁶ bytes of the file a second. */
function goodputLimit({ rate, loss, mtu }: Pick<LinkSettings, 'rate' | 'loss' | 'mtu'>): number {
  return (rate / 8) * (1 - loss / 100) * (fastPayload(mtu, ADDRESS.server) / mtu);
}

function goodputCell(runs: readonly Result[]): string {
  const value = medianGoodput(runs);
  const whys = runs.map(({ outcome }) => outcome).filter((outcome) => outcome !== 'done');
  const counts = [...new Set(whys)].map((why) => {
    const count = whys.filter((other) => other === why).length;
    return count === runs.length ? why : `${count} of ${runs.length} ${why}`;
  });
  if (value > 0 && counts.length > 0) return `${value.toFixed(2)} (${counts.join(', ')})`;
  return value > 0 ? value.toFixed(2) : counts.join(', ') || '-';
}

function numberCell(value: number, digits: number): string {
  return Number.isFinite(value) ? value.toFixed(digits) : '-';
}
