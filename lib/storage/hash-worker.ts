import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';

/** MD5 protects against accidents only. */
export type Algorithm = 'sha256' | 'md5';

/** What the worker is told: how far a file can be hashed by now, or that nobody wants it any more. */
export type HashOrder =
  | {
      readonly job: number;
      readonly algorithm: Algorithm;
      readonly fd: number;
      readonly upTo: number;
      readonly last: boolean;
    }
  | { readonly job: number; readonly drop: true };

/** What it answers: the digest, or why there is none; for `drop`, that the file is not used now. */
export type HashAnswer =
  | { readonly job: number; readonly digest: string }
  | { readonly job: number; readonly error: string }
  | { readonly job: number; readonly dropped: true };

interface Job {
  readonly hash: ReturnType<typeof createHash>;
  fd: number;
  at: number;
  upTo: number;
  last: boolean;
}

/** Read at once: large enough that a read costs little, small enough for the cache. */
const CHUNK = 262_144;
/** Of one job before the next one has a turn. */
const TURN = 8_388_608;

const jobs = new Map<number, Job>();
const chunk = Buffer.allocUnsafe(CHUNK);
let running = false;

parentPort?.on('message', (order: HashOrder) => {
  if ('drop' in order) {
    jobs.delete(order.job);
    answer({ job: order.job, dropped: true });
    return;
  }
  const { job: id, algorithm, fd, upTo, last } = order;
  const job = jobs.get(id) ?? { hash: createHash(algorithm), fd, at: 0, upTo, last };
  jobs.set(id, Object.assign(job, { fd, upTo, last }));
  if (running) return;
  running = true;
  setImmediate(work);
});

/** A turn for every job, until there is nothing to do. */
function work(): void {
  let busy = false;
  for (const [id, job] of jobs) {
    try {
      const end = Math.min(job.upTo, job.at + TURN);
      while (job.at < end) {
        const bytes = readSync(job.fd, chunk, 0, Math.min(CHUNK, end - job.at), job.at);
        if (bytes === 0) throw new Error('the file is shorter than it was');
        job.hash.update(bytes === CHUNK ? chunk : chunk.subarray(0, bytes));
        job.at += bytes;
      }
      if (job.at < job.upTo) busy = true;
      else if (job.last) {
        jobs.delete(id);
        answer({ job: id, digest: job.hash.digest('hex') });
      }
    } catch (error) {
      jobs.delete(id);
      answer({ job: id, error: error instanceof Error ? error.message : String(error) });
    }
  }
  running = busy;
  if (busy) setImmediate(work);
}

function answer(message: HashAnswer): void {
  parentPort?.postMessage(message);
}
