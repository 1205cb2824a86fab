import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { sha256 } from '../processes.ts';
import { located } from './installed.ts';
import type { LinkSettings, Snapshot } from './link.ts';
import { Path, type Running } from './path.ts';
import type { Result } from './results.ts';
import { type Job, PORT, type Tool } from './tools.ts';

/** What a server does at its start should be over, in ms. */
const SETTLE = 300;
/** The side that waited may still be writing when the other one has ended, in ms. */
const LAST_WRITES = 1000;

/** What is the same for all runs. */
export interface Bench {
  /** The compiled link.c. */
  readonly linkProgram: string;
  /** A folder in memory: `files` has the file, all else is made for each run anew. */
  readonly folder: string;
  readonly name: string;
  /** Bytes of the file. */
  readonly size: number;
  readonly sha256: string;
  /** See `Job`. */
  readonly modules: string | undefined;
  /** Seconds after which a command is given up. */
  readonly limit: number;
  readonly signal: AbortSignal;
}

/** One file by one tool over a new path. The seed of the link is the number of the run. */
export async function measure(bench: Bench, tool: Tool, link: LinkSettings): Promise<Result> {
  const job = await jobOf(bench, link);
  await tool.prepare?.(job);
  await using path = await Path.open(bench.linkProgram, link, tool.congestion);
  const fetch = await located(tool.fetch(job));
  const waiting = path.start(tool.pushes ? 'client' : 'server', await located(tool.serve(job)));
  const { seed, ...condition } = link;
  const common = { tool: tool.name, ...condition, size: bench.size, run: seed };
  if (!(await waiting.listens(PORT, bench.signal))) {
    return { ...common, outcome: 'failed', seconds: 0, goodput: 0, error: waiting.output };
  }
  await sleep(SETTLE, undefined, { signal: bench.signal });
  const before = await path.counters();
  const began = performance.now();
  const timed = path.start(tool.pushes ? 'server' : 'client', fetch);
  const status = await endOf(timed, bench);
  const seconds = (performance.now() - began) / 1000;
  const after = await path.counters();
  const counted = {
    dropped: after.toClient.dropped - before.toClient.dropped,
    meanQueue: meanQueue(before, after),
  };
  if (tool.pushes && status === 0) await Promise.race([waiting.ended, sleep(LAST_WRITES)]);
  const outcome = status === 'late' ? 'gave up' : (await isWhole(bench, job)) ? 'done' : 'failed';
  if (outcome !== 'done') {
    const error = `${waiting.output}\n${timed.output}`.trim();
    return { ...common, outcome, seconds, goodput: 0, ...counted, error };
  }
  const goodput = bench.size / 1e6 / seconds;
  const parts = tool.parts?.(link, bench.size);
  const vain = parts === undefined ? {} : { inVain: inVain(after, parts) };
  return { ...common, outcome, seconds, goodput, ...counted, ...vain };
}

/** The status of the command; `late` when it took too long. */
async function endOf(
  { ended }: Running,
  { limit, signal }: Bench,
): Promise<number | undefined | 'late'> {
  const timer = new AbortController();
  try {
    const either = AbortSignal.any([timer.signal, signal]);
    return await Promise.race([ended, sleep(limit * 1000, 'late' as const, { signal: either })]);
  } finally {
    timer.abort();
  }
}

/** In bytes, on the way to the client, between two looks at the link. */
export function meanQueue(before: Snapshot, after: Snapshot): number {
  const queued = after.toClient.queueByteSeconds - before.toClient.queueByteSeconds;
  return queued / (after.seconds - before.seconds);
}

/** What the tools are told, with empty folders for what they write. */
export async function jobOf(
  bench: Pick<Bench, 'folder' | 'name' | 'modules'>,
  link: LinkSettings,
): Promise<Job> {
  const folder = join(bench.folder, 'files');
  const outFolder = join(bench.folder, 'out');
  const scratch = join(bench.folder, 'scratch');
  for (const made of [outFolder, scratch]) {
    await rm(made, { recursive: true, force: true });
    await mkdir(made);
  }
  const { name, modules } = bench;
  const [file, out] = [join(folder, name), join(outFolder, name)];
  return { folder, name, file, outFolder, out, scratch, link, modules };
}

async function isWhole(bench: Bench, { out }: Job): Promise<boolean> {
  return (await sha256(out).catch(() => undefined)) === bench.sha256;
}

/** In percent of the parts of the file. Nothing else comes to the client by UDP. */
function inVain({ toClient }: Snapshot, parts: number): number {
  const flows = Object.values(toClient.udp);
  const arrived = flows.reduce((total, { packets }) => total + packets, 0);
  return (100 * (arrived - parts)) / parts;
}
