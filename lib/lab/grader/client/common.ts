import type { ClientBench, ServingRecord } from '../client-bench.ts';

/** Milliseconds in which what should not happen would have happened. */
export const NOTHING_FOR = 700;

/** Blames a client to which no part can be sent. */
export function expectPort(bench: ClientBench, { port, others }: ServingRecord): void {
  if (port !== undefined) return;
  bench.fail({
    wrong: 'no UDP port is told',
    ...{ expected: 'a number from 1 to 65535', got: others[0] ?? 'nothing' },
  });
}

/** Blames what is not saved as the file is. */
export function expectSaved(bench: ClientBench, record: ServingRecord): void {
  const file = bench.files[record.file];
  if (file === undefined) throw new Error(`there is no ${record.file}`);
  const { saved, newName } = record;
  // Of an empty file there is nothing to come.
  if (file.length > 0) expectPort(bench, record);
  if (saved === undefined) {
    bench.fail({
      wrong: `nothing is saved as ${newName}`,
      expected: `${file.length} bytes`,
      got: 'no file',
    });
  }
  if (saved.equals(file)) return;
  const at = file.findIndex((byte, index) => byte !== saved[index]);
  bench.fail({
    wrong: 'what is saved is not the file',
    expected: `${file.length} bytes`,
    got: `${saved.length} bytes${at < 0 ? '' : `; the first that differs is number ${at} (part ${Math.floor(at / 2043)})`}`,
  });
}

/**
 * Blames a file that is other than without the harm that this check does. Mistakes that it has anyhow cost the
 * points of other checks.
 */
export function expectUnharmed(bench: ClientBench, record: ServingRecord): void {
  const { saved } = bench.readings;
  if (saved !== undefined && record.saved?.equals(saved)) return;
  expectSaved(bench, record);
}
