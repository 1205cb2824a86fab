/**
 * `npm run bench:peers`: `wirelab get` and other tools, one after the other, over a real path between
 * two network namespaces. Prints tables.
 */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { UserError } from '../../lib/app/exit-status.ts';
import { runProgram } from '../../lib/app/run-program.ts';
import { makeFile, sha256 } from '../processes.ts';
import { fairnessTable } from './fairness.ts';
import { benchCommand, type Flags } from './flags.ts';
import { goodputTable } from './goodput-table.ts';
import { missing } from './installed.ts';
import { compileLink } from './link.ts';
import { type Bench, measure } from './measure.ts';
import { type Result, Results } from './results.ts';
import { socatCubic, type Tool } from './tools.ts';

/** After so many first runs that were given up, the others would be, too. */
const HOPELESS = 2;
const FILE = 'file.bin';
/** What the path itself is made with. */
const PATH_PACKAGES = { ip: 'iproute2', cc: 'gcc libc6-dev' };

type Place = Pick<Bench, 'linkProgram' | 'folder' | 'signal'>;

await runProgram(benchCommand(run));

async function run(flags: Flags): Promise<void> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) {
    throw new UserError('network namespaces need Linux and root');
  }
  const needed = {
    packages: flags.fairness ? { ...PATH_PACKAGES, ...socatCubic.packages } : PATH_PACKAGES,
  };
  const todo = await missing(needed);
  if (todo !== undefined) throw new UserError(`something is not installed (${todo})`);
  const signal = interrupted();
  // In memory: no disk is to be measured.
  const memory = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
  const folder = await mkdtemp(join(memory, 'wirelab-peers-'));
  try {
    const place = { linkProgram: await compileLink(folder), folder, signal };
    await mkdir(join(folder, 'files'));
    await (flags.fairness ? shareThePath(flags, place) : takeTurns(flags, place));
  } catch (error) {
    // What waited says only that it was broken off, not why.
    throw signal.aborted ? signal.reason : error;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Ends what waits when the bench is asked to end; what was started is removed on the way out. */
function interrupted(): AbortSignal {
  const controller = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => controller.abort(new UserError('interrupted')));
  }
  return controller.signal;
}

async function takeTurns(flags: Flags, place: Place): Promise<void> {
  const { rate, delay, size, modules, limit } = flags;
  const file = join(place.folder, 'files', FILE);
  await makeFile(file, size);
  const bench = { ...place, name: FILE, size, sha256: await sha256(file), modules, limit };
  const leftOut = await whatIsMissing(flags);
  const tools = flags.peers.filter(({ name }) => !leftOut.has(name));
  const results = new Results(flags.out);
  for (const { tool, ...link } of turns(flags, tools)) {
    const before = results.of({ ...link, tool: tool.name, size });
    if (before.some((result) => result.run === link.seed) || isHopeless(before)) continue;
    const result = await measure(bench, tool, link);
    results.add(result);
    process.stderr.write(`${describe(result)}\n`);
  }
  for (const mtu of flags.mtu) {
    const table = goodputTable(results, { rate, delay, mtu, size }, flags, leftOut);
    process.stdout.write(`\n## ${rate} Mbit/s, ${delay} ms each way, MTU ${mtu}\n\n${table}`);
  }
}

/** One run of all under all conditions, then the next: what the machine does meanwhile hits all. */
function* turns({ runs, rate, delay, mtu: mtus, loss: losses }: Flags, tools: readonly Tool[]) {
  for (let seed = 1; seed <= runs; seed += 1) {
    for (const mtu of mtus) {
      for (const loss of losses) {
        for (const tool of tools) yield { tool, rate, delay, loss, mtu, seed };
      }
    }
  }
}

/** By the names of the tools that cannot run here. */
async function whatIsMissing({ peers, modules }: Flags): Promise<Map<string, string>> {
  const leftOut = new Map<string, string>();
  for (const tool of peers) {
    const todo = await missing(tool, modules);
    if (todo === undefined) continue;
    leftOut.set(tool.name, todo);
    process.stderr.write(`${tool.name} is LEFT OUT, not installed: ${todo}\n`);
  }
  return leftOut;
}

function isHopeless(results: readonly Result[]): boolean {
  const first = results.slice(0, HOPELESS);
  return first.length === HOPELESS && first.every(({ outcome }) => outcome === 'gave up');
}

function describe({ run, mtu, loss, tool, outcome, goodput, seconds, error }: Result): string {
  const why = error?.split('\n').at(-1) ?? '';
  const how = outcome === 'done' ? `${goodput.toFixed(2)} MB/s` : `${outcome} ${why}`;
  return `run ${run}, MTU ${mtu}, ${loss} %: ${tool} ${how} (${seconds.toFixed(1)} s)`;
}

async function shareThePath(flags: Flags, place: Place): Promise<void> {
  const { rate, delay, runs } = flags;
  const [loss = 0] = flags.loss;
  const [mtu = 1500] = flags.mtu;
  const table = await fairnessTable(place, { rate, delay, loss, mtu }, runs);
  const path = `${rate} Mbit/s, ${delay} ms each way, ${loss} % lost, MTU ${mtu}`;
  process.stdout.write(`\n## ${path}\n\n${table}`);
}
