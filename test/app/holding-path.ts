import { millis } from '../../lib/core/brands.ts';
import type { LinkDriver } from '../../lib/net/link-driver.ts';
import { lossyLink } from '../support/lossy-link.ts';
import { routeTo } from './servers.ts';

/**
 * A path to a server on which one part of every download is lost until it is let through: what a
 * test does meanwhile comes before that part, however slow the machine is.
 */
export class HoldingPath implements AsyncDisposable {
  readonly #link: LinkDriver;
  readonly #state: { held: number | undefined };
  readonly #askedAgain: Promise<void>;

  private constructor(
    link: LinkDriver,
    state: { held: number | undefined },
    askedAgain: Promise<void>,
  ) {
    this.#link = link;
    this.#state = state;
    this.#askedAgain = askedAgain;
  }

  /** Holds the part with this number back. */
  static async start(serverPort: number, held: number): Promise<HoldingPath> {
    const state: { held: number | undefined } = { held };
    let onAskedAgain: () => void;
    const askedAgain = new Promise<void>((resolve) => {
      onAskedAgain = resolve;
    });
    const link = await lossyLink(
      serverPort,
      (seq) => (seq === state.held ? [] : [{ delay: millis(0) }]),
      (_seq, nth) => {
        if (nth > 1) onAskedAgain();
      },
    );
    return new HoldingPath(link, state, askedAgain);
  }

  /** Resolves when the client has asked for the held part again: it has what came before it. */
  wasAskedAgain(): Promise<void> {
    return this.#askedAgain;
  }

  letThrough(): void {
    this.#state.held = undefined;
  }

  get port(): number {
    return this.#link.port;
  }

  /**
   * The flags of a client that answer the three questions. Under the document's rules: parts as small
   * as its are, and one that is missing is asked for again and again.
   */
  get route(): string[] {
    return routeTo(this.port);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#link[Symbol.asyncDispose]();
  }
}
