import { visible } from '../core/text.ts';
import type { CommandSession } from './command-session.ts';
import type { WireEvent } from './engine-process.ts';
import { type Share, Shares } from './shares.ts';

/** A transfer that the user can see, and stop. */
export interface Transfer {
  readonly ip: string;
  readonly port: string;
  /** Of the other one. */
  readonly name: string;
  readonly file: string;
  readonly label: string;
  readonly dir: string;
  /** Of whoever waits for its end, if it was asked for here. */
  readonly request: string | undefined;
  share: Share | undefined;
}

/** What a front end makes of the events of its engine: what it shows, and what it remembers. */
export class LanshareEvents {
  readonly #session: CommandSession;
  readonly #shares: Shares;
  readonly #ask: (event: WireEvent, ended: AbortSignal) => Promise<void>;
  /** Names by address. */
  readonly people = new Map<string, string>();
  readonly #transfers: Transfer[] = [];
  /** Questions that wait for the user. */
  readonly #questions = new Map<
    string,
    { readonly ended: AbortController; readonly what: string }
  >();
  readonly #requests = new Map<string, (() => void)[]>();
  #isReady: () => void = () => undefined;
  /** Resolves when the engine is there. */
  readonly ready = new Promise<void>((resolve) => {
    this.#isReady = resolve;
  });
  readonly #messages: (() => void)[] = [];
  /** Why the event that follows says that something failed. */
  #reason = '';
  readonly #handlers: Readonly<Record<string, (event: WireEvent) => void>> = {
    online: (event) => this.#online(event),
    offline: ({ ip = '', username = '' }) => {
      this.people.delete(ip);
      this.#print(`${visible(username)} (${ip}) has left.`);
    },
    rreq: (event) => this.#question(event),
    sreq: ({ username = '', fileName = '' }) =>
      this.#print(`Asking ${visible(username)} to take ${visible(fileName)} …`),
    freq: (event) => this.#notSent(event, this.#why()),
    racp: (event) => this.#begin(event, 'to'),
    sacp: (event) => this.#begin(event, 'of'),
    facp: (event) => this.#notReceived(event),
    rrej: (event) => this.#notSent(event, ': it is not wanted'),
    srej: () => undefined,
    frej: ({ username = '' }) =>
      this.#session.complain(`${username} does not hear that it is not wanted${this.#why()}`),
    rprg: (event) => this.#progress(event),
    sprg: (event) => this.#progress(event),
    fprg: (event) => this.#end(event, this.#why()),
    dprg: (event) => this.#end(event),
    rmsg: ({ person = '', content = '' }) =>
      this.#print(`<${visible(person)}> ${visible(content)}`),
    smsg: ({ content = '' }) => this.#messageEnded(`<you> ${visible(content)}`),
    fmsg: ({ content = '' }) => {
      this.#session.complain(`it was not sent${this.#why()}: ${content}`);
      this.#messageEnded();
    },
    info: (event) => this.#info(event),
  };

  /** @param ask is called when somebody offers a file; `ended`: nobody waits for the answer. */
  constructor(
    session: CommandSession,
    ask: (event: WireEvent, ended: AbortSignal) => Promise<void>,
  ) {
    this.#session = session;
    this.#shares = new Shares(session.bar);
    this.#ask = ask;
  }

  get transfers(): readonly Transfer[] {
    return this.#transfers;
  }

  take(event: WireEvent): void {
    this.#handlers[event.stat ?? '']?.(event);
  }

  /** Resolves when this request, and the transfer it leads to, is over. */
  requestEnds(ip: string, dir: string): Promise<void> {
    return new Promise((resolve) => {
      const key = keyOf(ip, dir);
      this.#requests.set(key, [...(this.#requests.get(key) ?? []), resolve]);
    });
  }

  /** Resolves when the message that is sent next has arrived, or has not. */
  messageEnds(): Promise<void> {
    return new Promise((resolve) => this.#messages.push(resolve));
  }

  #online({ ip = '', username = '' }: WireEvent): void {
    const before = this.people.get(ip);
    this.people.set(ip, username);
    if (before === username) return;
    this.#print(
      before === undefined
        ? `${visible(username)} (${ip}) is there.`
        : `${visible(before)} (${ip}) is ${visible(username)} now.`,
    );
  }

  #question(event: WireEvent): void {
    const ended = new AbortController();
    const key = keyOf(event.ip, event.dir);
    const what = `${event.fileName} of ${event.username}`;
    this.#questions.set(key, { ended, what });
    void this.#ask(event, ended.signal).then(() => {
      if (this.#questions.get(key)?.ended === ended) this.#questions.delete(key);
    });
  }

  #begin(event: WireEvent, word: 'to' | 'of'): void {
    const { ip = '', port = '', dir = '', username: name = '', fileName: file = '' } = event;
    const label = `${file} ${word} ${name}`;
    const request = word === 'to' ? keyOf(ip, dir) : undefined;
    this.#transfers.push({ ip, port, name, file, label, request, dir, share: undefined });
  }

  #progress(event: WireEvent): void {
    const { total, current } = event;
    const transfer = this.#find(event);
    if (transfer === undefined) return;
    transfer.share ??= this.#shares.begin(`${transfer.port} ${transfer.label}`, Number(total));
    transfer.share.update(Number(current));
  }

  #end(event: WireEvent, problem?: string): void {
    const transfer = this.#find(event);
    if (transfer === undefined) return;
    this.#transfers.splice(this.#transfers.indexOf(transfer), 1);
    transfer.share?.end();
    const label = visible(transfer.label);
    if (problem === undefined) this.#print(`${label}: done.`);
    else this.#session.complain(`${label} has not arrived${problem}`);
    if (transfer.request !== undefined) this.#requestEnded(transfer.request);
  }

  /** `dprg` says neither the file nor the direction; ports differ, unless both sides chose at once. */
  #find({ ip, port, dir }: WireEvent): Transfer | undefined {
    return this.#transfers.find(
      (one) => one.ip === ip && one.port === port && (dir === undefined || dir === one.dir),
    );
  }

  #notSent({ ip, dir, username = '', fileName = '' }: WireEvent, why: string): void {
    this.#session.complain(`${username} does not get ${fileName}${why}`);
    this.#requestEnded(keyOf(ip, dir));
  }

  #notReceived({ fileName = '', username = '' }: WireEvent): void {
    this.#session.complain(`${fileName} of ${username} was not received${this.#why()}`);
  }

  #info({ content, reason = '', ip, dir, path = '' }: WireEvent): void {
    switch (content) {
      case 'failure':
        this.#reason = reason;
        return;
      case 'ready':
        this.#isReady();
        return;
      case 'requestEnded':
        this.#withdraw(keyOf(ip, dir));
        return;
      case 'saved':
        this.#print(`Saved as ${visible(path)}.`);
        return;
      case 'warning':
        this.#print(`Take care: ${visible(reason)}.`);
        return;
      case 'badCommand':
        this.#session.complain(reason);
        return;
      default:
        // What follows says what has failed for that.
        return;
    }
  }

  #withdraw(key: string): void {
    const question = this.#questions.get(key);
    if (question === undefined) return;
    question.ended.abort();
    this.#print(`${visible(question.what)} needs no answer any more.`);
  }

  #why(): string {
    const reason = this.#reason;
    this.#reason = '';
    return reason === '' ? '' : `: ${reason}`;
  }

  #messageEnded(text?: string): void {
    if (text !== undefined) this.#print(text);
    this.#messages.shift()?.();
  }

  #requestEnded(key: string): void {
    for (const resolve of this.#requests.get(key) ?? []) resolve();
    this.#requests.delete(key);
  }

  #print(text: string): void {
    this.#session.print(text);
  }
}

function keyOf(ip = '', other = ''): string {
  return `${ip} ${other}`;
}
