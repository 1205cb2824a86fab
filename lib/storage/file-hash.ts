import { createHash } from 'node:crypto';
import { readSync } from 'node:fs';
import { Worker } from 'node:worker_threads';
import type { Algorithm, HashAnswer, HashOrder } from './hash-worker.ts';

/** The thread's program, for when this file is TypeScript and for when it was built. */
const WORKER = new URL(
  import.meta.url.endsWith('.ts') ? './hash-worker-from-source.mjs' : './hash-worker.js',
  import.meta.url,
);

/** Up to this size a file is hashed at once: a thread takes longer to start. */
const SMALL_BYTES = 1_048_576;

/** The thread that hashes for the whole process. */
let worker: Worker | undefined;
let jobs = 0;
const waiting = new Map<number, FileHash>();

export interface FileHashOptions {
  readonly algorithm?: Algorithm;
  /** Whether the process is to wait for it before it ends. */
  readonly keepsAlive?: boolean;
}

/**
 * The SHA-256 (or MD5) of a file, made in a thread of its own, so that sending and receiving go on. The file
 * may still grow: it is hashed as far as it is said to be there.
 */
export class FileHash {
  readonly #job = jobs++;
  readonly #algorithm: Algorithm;
  readonly keepsAlive: boolean;
  readonly #fd: number;
  readonly #done: Promise<string>;
  #resolve: (digest: string) => void = () => undefined;
  #reject: (error: Error) => void = () => undefined;
  #dropped: (() => void) | undefined;
  #dropping: Promise<void> | undefined;
  #begun = false;

  /**
   * @param fd of the open file; not to be closed before the hash is done, or dropped.
   */
  constructor(fd: number, { algorithm = 'sha256', keepsAlive = true }: FileHashOptions = {}) {
    this.#algorithm = algorithm;
    this.#fd = fd;
    this.keepsAlive = keepsAlive;
    this.#done = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Whoever wants the hash asks for it; nobody has to.
    this.#done.catch(() => undefined);
  }

  /** The first `bytes` bytes are there. */
  advance(bytes: number): void {
    this.#advance(bytes, false);
  }

  /**
   * All `bytes` bytes of the file are there.
   * @returns the hash in lower-case hex. @throws Error when the file is shorter, or cannot be read.
   */
  async finish(bytes: number): Promise<string> {
    if (!this.#begun && bytes <= SMALL_BYTES) return hashAtOnce(this.#fd, bytes, this.#algorithm);
    this.#advance(bytes, true);
    return this.#done;
  }

  /** Resolves when the file is not read any more, whatever has become of the hash. */
  async drop(): Promise<void> {
    if (!this.#begun || !waiting.has(this.#job)) return;
    this.#dropping ??= new Promise<void>((resolve) => {
      this.#dropped = resolve;
      this.#order({ job: this.#job, drop: true });
    });
    await this.#dropping;
  }

  /** For the thread: what has come of it. */
  settle(answer: HashAnswer): void {
    if ('digest' in answer) this.#resolve(answer.digest);
    else if ('error' in answer) this.#reject(new Error(answer.error));
    else this.#reject(new Error('the hash is not wanted any more'));
    this.#dropped?.();
  }

  #advance(upTo: number, last: boolean): void {
    this.#order({ job: this.#job, algorithm: this.#algorithm, fd: this.#fd, upTo, last });
  }

  #order(order: HashOrder): void {
    this.#begun = true;
    waiting.set(this.#job, this);
    worker ??= startWorker();
    refer(worker);
    worker.postMessage(order);
  }
}

/** For who is going to hash soon: the thread takes a while to start, and need not do it meanwhile. */
export function prepareToHash(): void {
  worker ??= startWorker();
  refer(worker);
}

function hashAtOnce(fd: number, size: number, algorithm: Algorithm): string {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at < size; ) {
    const count = readSync(fd, bytes, at, size - at, at);
    if (count === 0) throw new Error('the file is shorter than it was');
    at += count;
  }
  return createHash(algorithm).update(bytes).digest('hex');
}

/** The process lives as long as somebody waits. */
function refer(thread: Worker): void {
  if ([...waiting.values()].some(({ keepsAlive }) => keepsAlive)) thread.ref();
  else thread.unref();
}

function startWorker(): Worker {
  const started = new Worker(WORKER);
  started.on('message', (answer: HashAnswer) => {
    const hash = waiting.get(answer.job);
    waiting.delete(answer.job);
    refer(started);
    hash?.settle(answer);
  });
  started.on('error', (error) => {
    worker = undefined;
    for (const [job, hash] of waiting) hash.settle({ job, error: error.message });
    waiting.clear();
  });
  return started;
}
