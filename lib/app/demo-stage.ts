import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Actor } from './actor.ts';
import { UserError } from './exit-status.ts';

/** A demo ends by then, one way or the other, unless it is given longer. */
const TIME_LIMIT_MS = 12_000;

export interface StageOptions {
  /** In milliseconds. */
  readonly limit?: number;
  /** Who gets flags besides those of the play, the first time that he is started. */
  readonly extra: readonly [who: string, flags: readonly string[]];
}

/** What a demo is played on: a folder of its own, and programs as processes of their own. */
export class Stage {
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly #actors: Actor[] = [];
  readonly #extra: Map<string, readonly string[]>;

  private constructor(folder: string, { limit = TIME_LIMIT_MS, extra }: StageOptions) {
    this.folder = folder;
    this.signal = AbortSignal.timeout(limit);
    this.#extra = new Map([extra]);
  }

  /** Plays a demo and tidies up. @throws UserError when it does not go as it must. */
  static async run(play: (stage: Stage) => Promise<void>, options: StageOptions): Promise<void> {
    const stage = new Stage(await mkdtemp(join(tmpdir(), 'wirelab-demo-')), options);
    try {
      await play(stage);
      stage.say('everything was as it must be');
    } catch (error) {
      throw new UserError(`the demo failed: ${error instanceof Error ? error.message : error}`);
    } finally {
      await stage.#clear();
      await rm(stage.folder, { recursive: true, force: true });
    }
  }

  /** A line of the one who tells the story. */
  say(what: string): void {
    say('demo', what);
  }

  /** A line of somebody else. */
  tell(who: string, what: string): void {
    say(who, what);
  }

  /** Starts a program under a name; what it writes is shown beside that. */
  act(name: string, args: readonly string[]): Actor {
    const extra = this.#extra.get(name) ?? [];
    // What it records would replace what it has recorded before.
    this.#extra.delete(name);
    const actor = new Actor({ name, args: [...args, ...extra], onLine: say, signal: this.signal });
    this.#actors.push(actor);
    return actor;
  }

  async #clear(): Promise<void> {
    for (const actor of this.#actors) actor.kill();
    await Promise.allSettled(this.#actors.map((actor) => actor.ended));
  }
}

function say(who: string, what: string): void {
  process.stdout.write(`${who.padEnd(6)} | ${what}\n`);
}

/** The SHA-256 of a file, in hex. */
export async function sha256(path: string): Promise<string> {
  return createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
}
