import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { promisify } from 'node:util';

/** How the path behaves; the same both ways. */
export interface LinkSettings {
  /** Mbit/s, counted in bytes of IP packets. */
  readonly rate: number;
  /** One way, in ms. */
  readonly delay: number;
  /** Of the packets, by chance, in percent. */
  readonly loss: number;
  /** The largest IP packet, in bytes. */
  readonly mtu: number;
  /** Which packets are lost: the same for the same seed. */
  readonly seed: number;
}

/** What the link has counted since it began. */
export interface Snapshot {
  readonly seconds: number;
  readonly toClient: Counters;
  readonly toServer: Counters;
}

export interface Counters {
  readonly packets: number;
  readonly bytes: number;
  /** Packets that found the queue full. */
  readonly dropped: number;
  /** Packets lost by chance. */
  readonly lost: number;
  /** The queue summed up over time; over the seconds, it is the mean queue in bytes. */
  readonly queueByteSeconds: number;
  /** The longest queue, in bytes. */
  readonly maxQueue: number;
  /** What came out, by destination port. */
  readonly tcp: Readonly<Record<string, Flow>>;
  readonly udp: Readonly<Record<string, Flow>>;
}

export interface Flow {
  readonly packets: number;
  readonly bytes: number;
}

/** Compiles link.c into a folder; returns the program. */
export async function compileLink(folder: string): Promise<string> {
  const program = join(folder, 'link');
  await promisify(execFile)('cc', ['-O2', '-o', program, join(import.meta.dirname, 'link.c')]);
  return program;
}

/** The bandwidth-delay product in bytes: how long the queue may be. */
export function queueLimit({ rate, delay }: LinkSettings): number {
  return Math.max(((rate * 1e6) / 8) * ((2 * delay) / 1000), 65_536);
}

/** The running link.c between two namespaces. */
export class Link {
  readonly #process: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  readonly #ended: Promise<unknown>;

  private constructor(program: string, words: readonly string[]) {
    // A group of its own: Ctrl-C is for the bench, which ends the others in order.
    const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'], detached: true });
    this.#process = child;
    this.#ended = new Promise((resolve) => child.once('close', resolve));
    // Whatever goes wrong, it is seen by its output, which ends too soon.
    child.on('error', () => undefined);
    child.stdin.on('error', () => undefined);
    this.#lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  }

  /** Resolves when both ends are there. */
  static async start(
    program: string,
    namespaces: { readonly server: string; readonly client: string },
    settings: LinkSettings,
  ): Promise<Link> {
    const { rate, delay, loss, seed } = settings;
    const numbers = [rate, delay, loss, queueLimit(settings), seed];
    const link = new Link(program, [namespaces.server, namespaces.client, ...numbers.map(String)]);
    await link.#nextLine();
    return link;
  }

  get pid(): number | undefined {
    return this.#process.pid;
  }

  async counters(): Promise<Snapshot> {
    this.#process.stdin?.write('\n');
    return JSON.parse(await this.#nextLine()) as Snapshot;
  }

  async close(): Promise<void> {
    this.#process.stdin?.end();
    await this.#ended;
  }

  async #nextLine(): Promise<string> {
    const line = await this.#lines.next();
    if (line.done) throw new Error('the link has ended');
    return line.value;
  }
}
