import { open, readFile, rename, rm } from 'node:fs/promises';
import { systemCode } from '../core/errors.ts';
import { isKeyHash } from './key-hash.ts';
import { lock } from './lock.ts';

/**
 * The users that a server knows: a line each, the name and the salted hash of the key. Read anew each
 * time, so that a user who is added need not wait for the server to start again.
 */
export class UsersFile {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** The hash of this user's key, or `undefined`. @throws when the file cannot be read. */
  async hashOf(user: string): Promise<string | undefined> {
    return (await this.#read()).get(user);
  }

  /** @throws when the file cannot be read, or is none with users. */
  async count(): Promise<number> {
    return (await this.#read()).size;
  }

  /** Adds a user, or gives one another key; a file that is not there is made. */
  async set(user: string, hash: string): Promise<'added' | 'changed'> {
    const unlock = await lock(`${this.#path}.lock`);
    try {
      const users = await this.#read().catch((error: unknown) => {
        if (systemCode(error) === 'ENOENT') return new Map<string, string>();
        throw error;
      });
      const outcome = users.has(user) ? 'changed' : 'added';
      users.set(user, hash);
      await this.#write(users);
      return outcome;
    } finally {
      await unlock();
    }
  }

  async #read(): Promise<Map<string, string>> {
    const users = new Map<string, string>();
    const lines = (await readFile(this.#path, 'utf8')).split('\n');
    for (const [at, line] of lines.entries()) {
      if (line === '') continue;
      const [user = '', hash = '', ...more] = line.split(' ');
      if (user === '' || !isKeyHash(hash) || more.length > 0) {
        throw new Error(`${this.#path}, line ${at + 1}: expected NAME and a hash`);
      }
      users.set(user, hash);
    }
    return users;
  }

  /** In one step, so that nobody reads half of it; others may not read it at all. */
  async #write(users: ReadonlyMap<string, string>): Promise<void> {
    const temporary = `${this.#path}.new`;
    await rm(temporary, { force: true });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile([...users].map(([user, hash]) => `${user} ${hash}\n`).join(''));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, this.#path);
  }
}
