import type { Millis, Port } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { MAX_LINE_BYTES, refusal } from '../relay/codec.ts';
import {
  CommandClient,
  type CommandClientEffect,
  type CommandResult,
} from '../relay/command-client.ts';
import type { Offer, RelayError } from '../relay/messages.ts';
import {
  NotificationClient,
  type NotificationClientEffect,
  type OpenQuestion,
} from '../relay/notification-client.ts';
import { now } from './clock.ts';
import { LineConnection } from './line-connection.ts';
import { openConnection } from './open-connection.ts';
import { describeRefusal, RefusedError } from './relay-refusals.ts';

/** Where a relay is, and who one is there. */
export interface RelayLogIn {
  readonly server: string;
  readonly commandPort: number;
  readonly notificationPort: number;
  readonly user: string;
  readonly key: string;
}

/** What this user has agreed to can be had. */
export interface OpenOffer {
  readonly sender: string;
  readonly file: string;
  readonly port: Port;
}

export interface RelayClientOptions extends RelayLogIn {
  /** Somebody offers something; the answer is whether this user wants it. */
  readonly onQuestion: (question: OpenQuestion, expired: AbortSignal) => Promise<boolean>;
  readonly onOpen: (offer: OpenOffer) => void;
  /** Called once, if the connections were open before. */
  readonly onClosed: (reason: string) => void;
}

/** Both permanent connections of one user. */
export class RelayClient implements AsyncDisposable {
  readonly #options: RelayClientOptions;
  readonly #commands: CommandClient;
  #notifications: NotificationClient;
  #commandLine: LineConnection | undefined;
  #notificationLine: LineConnection | undefined;
  #onResult: ((result: CommandResult) => void) | undefined;
  #onNotified: ((error: RelayError | undefined) => void) | undefined;
  readonly #questions = new Map<number, AbortController>();
  #open = false;
  #reason: string | undefined;
  readonly #closed: Promise<void>[] = [];

  private constructor(options: RelayClientOptions) {
    this.#options = options;
    this.#commands = new CommandClient(options, now());
    this.#notifications = new NotificationClient({ ...options, details: true }, now());
  }

  /** @throws RefusedError, or another Error that says why there is no connection. */
  static async open(options: RelayClientOptions): Promise<RelayClient> {
    const client = new RelayClient(options);
    try {
      await client.#openCommands();
      await client.#openNotifications(true);
      client.#open = true;
      return client;
    } catch (error) {
      await client.close();
      throw error;
    }
  }

  /** Whether both connections are there. */
  get isOpen(): boolean {
    return this.#open;
  }

  /** @throws RefusedError */
  async list(): Promise<readonly string[]> {
    const result = await this.#ask(() => this.#commands.list(now()));
    if (result.type !== 'users') throw unexpected(result);
    return result.users;
  }

  /** Offers a file; resolves when all have answered. @throws RefusedError, for example if nobody wants it */
  async offer(
    offer: Offer,
    users: readonly string[],
  ): Promise<{ readonly users: readonly string[]; readonly port: Port }> {
    const result = await this.#ask(() => this.#commands.offer(offer, users, now()));
    if (result.type !== 'accepted') throw unexpected(result);
    return result;
  }

  async close(): Promise<void> {
    this.#open = false;
    this.#commandLine?.end();
    this.#notificationLine?.end();
    await Promise.all(this.#closed);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  async #openCommands(): Promise<void> {
    const { server, commandPort } = this.#options;
    const loggedIn = this.#result();
    this.#commandLine = await this.#connect(server, commandPort, {
      line: (line) => this.#command(this.#commands.line(line, now())),
      timeout: () => this.#command(this.#commands.onTimeout(now())),
      next: () => this.#commands.nextTimeout(),
    });
    this.#command([]);
    const result = await loggedIn;
    if (result.type === 'refused') throw new RefusedError(result.error);
  }

  async #openNotifications(details: boolean): Promise<void> {
    const { server, notificationPort } = this.#options;
    this.#notifications = new NotificationClient({ ...this.#options, details }, now());
    const notified = new Promise<RelayError | undefined>((resolve) => {
      this.#onNotified = resolve;
    });
    this.#notificationLine = await this.#connect(server, notificationPort, {
      line: (line) => this.#notify(this.#notifications.line(line, now())),
      timeout: () => this.#notify(this.#notifications.onTimeout(now())),
      next: () => this.#notifications.nextTimeout(),
    });
    this.#notify([]);
    const error = await notified;
    this.#onNotified = undefined;
    // A server that does not know the third word.
    if (error?.code === 'BAD_LOG_IN' && details) {
      // Its end is not that of the one that takes its place.
      this.#notificationLine?.end();
      this.#notificationLine = undefined;
      return this.#openNotifications(false);
    }
    if (error !== undefined) throw new RefusedError(error);
  }

  async #connect(
    host: string,
    port: number,
    use: {
      readonly line: (line: string) => void;
      readonly timeout: () => void;
      readonly next: () => Millis | undefined;
    },
  ): Promise<LineConnection> {
    const socket = await openConnection({ host, port });
    let connection: LineConnection | undefined;
    this.#closed.push(
      new Promise((resolve) => {
        connection = new LineConnection({
          socket,
          maxLineBytes: MAX_LINE_BYTES,
          onLine: (line) => {
            use.line(line);
            connection?.setDeadline(use.next());
          },
          onTooLong: () => this.#lost('the server sent a line that is too long'),
          onSlowLine: () => this.#lost('the server does not end its line'),
          onDeadline: use.timeout,
          onClosed: (error) => {
            resolve();
            if (connection === this.#commandLine || connection === this.#notificationLine) {
              this.#lost(error?.message ?? 'the server closed the connection');
            }
          },
        });
      }),
    );
    if (connection === undefined) throw new Error('no connection');
    return connection;
  }

  #result(): Promise<CommandResult> {
    return new Promise((resolve) => {
      this.#onResult = resolve;
    });
  }

  async #ask(begin: () => readonly CommandClientEffect[]): Promise<CommandResult> {
    if (!this.#open) throw new Error(this.#reason ?? 'there is no connection');
    // It throws while another request is being answered.
    const effects = begin();
    const result = this.#result();
    this.#command(effects);
    return result;
  }

  #command(effects: readonly CommandClientEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          this.#commandLine?.send(effect.text);
          break;
        case 'result': {
          const done = this.#onResult;
          this.#onResult = undefined;
          done?.(effect.result);
          break;
        }
        case 'give-up':
          this.#lost(effect.reason);
          break;
        default:
          assertNever(effect);
      }
    }
    this.#commandLine?.setDeadline(this.#commands.nextTimeout());
  }

  #notify(effects: readonly NotificationClientEffect[]): void {
    for (const effect of effects) this.#notified(effect);
    this.#notificationLine?.setDeadline(this.#notifications.nextTimeout());
  }

  #notified(effect: NotificationClientEffect): void {
    switch (effect.type) {
      case 'send':
        this.#notificationLine?.send(effect.text);
        return;
      case 'logged-in':
        this.#onNotified?.(undefined);
        return;
      case 'refused':
        this.#onNotified?.(effect.error);
        if (this.#open) this.#lost(describeRefusal(effect.error));
        return;
      case 'ask':
        void this.#question(effect.question);
        return;
      case 'question-expired':
        this.#questions.get(effect.number)?.abort();
        return;
      case 'opened':
        this.#options.onOpen(effect.open);
        return;
      case 'give-up':
        this.#onNotified?.(refusal('SERVER_ERROR', effect.reason));
        this.#lost(effect.reason);
        return;
      default:
        assertNever(effect);
    }
  }

  async #question(question: OpenQuestion): Promise<void> {
    const expired = new AbortController();
    this.#questions.set(question.number, expired);
    try {
      const yes = await this.#options.onQuestion(question, expired.signal);
      this.#notify(this.#notifications.answer(question.number, yes));
    } finally {
      this.#questions.delete(question.number);
    }
  }

  #lost(reason: string): void {
    const error = refusal('SERVER_ERROR', reason);
    this.#reason ??= reason;
    this.#onResult?.({ type: 'refused', error });
    this.#onResult = undefined;
    this.#onNotified?.(error);
    for (const question of this.#questions.values()) question.abort();
    if (!this.#open) return;
    this.#open = false;
    this.#commandLine?.end();
    this.#notificationLine?.end();
    this.#options.onClosed(reason);
  }
}

function unexpected(result: CommandResult): Error {
  return result.type === 'refused'
    ? new RefusedError(result.error)
    : new Error('that was no answer to the request');
}
