import type { ChatClientDriver } from '../lib/net/chat-client-driver.ts';

/** Asks who is online again and again, and notes how long the answers took. */
export class UserLists {
  answers = 0;
  /** In milliseconds. */
  slowest = 0;
  #askedAt: number | undefined;

  /** Asks every so many milliseconds, but not before the last answer has come; returns what ends it. */
  ask(client: ChatClientDriver, every: number): () => void {
    const timer = setInterval(() => {
      if (this.#askedAt !== undefined) return;
      this.#askedAt = performance.now();
      client.send({ type: 'get-users' });
    }, every);
    return () => clearInterval(timer);
  }

  /** The server has said this. */
  hear(text: string): void {
    if (!text.startsWith('users: [') || this.#askedAt === undefined) return;
    this.slowest = Math.max(this.slowest, performance.now() - this.#askedAt);
    this.#askedAt = undefined;
    this.answers += 1;
  }
}
