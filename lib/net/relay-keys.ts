import type { Party } from '../relay/server-room.ts';
import type { KeptParty } from '../relay/transfer.ts';
import { COST_OF_LOG_IN, type KeyHashes } from '../storage/key-hash.ts';

/** The users that a server knows, if it knows them. */
export interface KnownUsers {
  hashOf(user: string): Promise<string | undefined>;
}

/** Whether keys are right: those of log-ins, and those on data connections. */
export class RelayKeys {
  readonly #users: KnownUsers | undefined;
  readonly #hashes: KeyHashes;
  /** Of the keys of those who are there, made once for each log-in. */
  readonly #made = new WeakMap<Party, Promise<string>>();

  /** @param users absent: whoever comes first has the name. */
  constructor(users: KnownUsers | undefined, hashes: KeyHashes) {
    this.#users = users;
    this.#hashes = hashes;
  }

  async isRight({ user, key }: Party): Promise<boolean> {
    if (this.#users === undefined) return true;
    return this.#hashes.matches(key, await this.#users.hashOf(user));
  }

  /** Whether `key` is that of somebody who takes part in a transfer. */
  async isKept({ user, keyHash }: KeptParty, key: string): Promise<boolean> {
    const hash = this.#users === undefined ? keyHash : await this.#users.hashOf(user);
    return this.#hashes.matches(key, hash);
  }

  /** What a transfer keeps of a log-in. With known users it is their file that counts. */
  async keep(party: Party): Promise<KeptParty> {
    if (this.#users !== undefined) return { user: party.user, keyHash: '' };
    const made = this.#made.get(party) ?? this.#hashes.hash(party.key, COST_OF_LOG_IN);
    this.#made.set(party, made);
    return { user: party.user, keyHash: await made };
  }
}
