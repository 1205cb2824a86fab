import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import type { Millis } from '../core/brands.ts';
import { assertNever } from '../core/errors.ts';
import { RateLimit } from '../core/rate-limit.ts';
import {
  COPIES_WITHIN,
  type Greeting,
  type Peer,
  Roster,
  type RosterEffect,
} from '../lan/roster.ts';
import { broadcastAddresses, localAddresses, ownAddressFor } from './addresses.ts';
import { Alarm, now } from './clock.ts';
import { explainDatagram, tapUdp } from './tap.ts';

/** A greeting is a short text; what is longer is none. */
const MAX_GREETING_BYTES = 2048;

/** Datagrams of one address at once, and a second: several times what any peer says. */
const MOST_AT_ONCE = 40;
const MOST_PER_SECOND = 4;

/** When many start at once, a busy peer must not lose what they say; the system may give less. */
const RECEIVE_BUFFER_BYTES = 1_048_576;

/** Addresses of which the last datagram is kept. */
const MOST_REMEMBERED = 1024;

/** This machine may get other addresses. */
const LOOK_EVERY_MS = 10_000;

export interface LanPresenceOptions {
  readonly port: number;
  /** The address of this peer; all of this machine when absent. */
  readonly ip: string | undefined;
  /** Where everybody hears; the broadcast address of each network when absent. */
  readonly broadcast: readonly string[] | undefined;
  readonly copies: number;
  readonly answersDiffer: boolean;
  /** @param ip the address of this peer, as far as it is known. */
  readonly encode: (word: Greeting['word'], ip: string) => Buffer;
  /** `undefined` for what makes no sense. */
  readonly decode: (datagram: Buffer) => Greeting | undefined;
  readonly onCame: (peer: Peer) => void;
  readonly onLeft: (peer: Peer, silent: boolean) => void;
  readonly onRenamed: (peer: Peer, before: string) => void;
  readonly log: (text: string) => void;
}

/** Says on the networks of this machine that a peer is there, and hears who else is. */
export class LanPresence {
  readonly #options: LanPresenceOptions;
  readonly #roster: Roster;
  /** What came from each address last. */
  readonly #last = new Map<string, { readonly datagram: Buffer; readonly at: Millis }>();
  readonly #rate = new RateLimit(MOST_AT_ONCE, MOST_PER_SECOND);
  readonly #alarm = new Alarm(() => this.#run(this.#roster.onTimeout(now())));
  /** What is said comes from this one; answers come to it. */
  readonly #own: Socket;
  readonly #sockets: readonly Socket[];
  #addresses: ReadonlySet<string> = new Set();
  #lookedAt = Number.NEGATIVE_INFINITY;
  /** Datagrams that the system has not taken yet, and who waits for that. */
  #saying = 0;
  #onSaid: (() => void) | undefined;
  #closing: Promise<void> | undefined;
  #closed = false;

  private constructor(options: LanPresenceOptions, sockets: readonly [Socket, ...Socket[]]) {
    this.#options = options;
    this.#roster = new Roster({ ...options, random: Math.random });
    this.#sockets = sockets;
    [this.#own] = sockets;
    for (const socket of sockets) {
      tapUdp(socket, socket === this.#own ? undefined : options.broadcast?.[0]);
      socket.on('error', (error) => options.log(`UDP: ${error.message}`));
      socket.on('message', (datagram, from) => {
        this.#onDatagram(datagram, from, sockets.length > 1 && socket === this.#own);
      });
    }
    this.#own.setBroadcast(true);
    this.greet();
  }

  /** @throws Error that says why the port cannot be used. */
  static async start(options: LanPresenceOptions): Promise<LanPresence> {
    const { port, ip } = options;
    // What goes to everybody comes to those that listen at any address; what goes to one address, to
    // the one that listens there.
    const everywhere = await listen(port, undefined);
    if (ip === undefined) return new LanPresence(options, [everywhere]);
    try {
      return new LanPresence(options, [await listen(port, ip), everywhere]);
    } catch (error) {
      everywhere.close();
      throw error;
    }
  }

  get peers(): readonly Peer[] {
    return this.#roster.peers;
  }

  find(address: string): Peer | undefined {
    return this.#roster.find(address);
  }

  /** See {@link Roster.whyNot}. */
  whyNot(address: string, name: string): string | undefined {
    return this.#roster.whyNot(address, name);
  }

  /** Says again that this one is there. */
  greet(): void {
    this.#run(this.#roster.greet(now()));
  }

  /** Says goodbye. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#run(this.#roster.leave(now()));
    // What was said last has to be on its way before the socket goes.
    await new Promise<void>((resolve) => {
      this.#onSaid = resolve;
      this.#saidAll();
    });
    this.#closed = true;
    this.#alarm.clear();
    await Promise.all(
      this.#sockets.map((socket) => new Promise<void>((resolve) => socket.close(resolve))),
    );
  }

  #onDatagram(datagram: Buffer, from: RemoteInfo, direct: boolean): void {
    const isShort = datagram.length <= MAX_GREETING_BYTES;
    if (this.isOwn(from.address)) {
      explainDatagram('my own, ignored');
      return;
    }
    if (isShort && this.#isCopy(datagram, from.address)) {
      explainDatagram('a copy of the one before, ignored');
      return;
    }
    const admitted = this.#rate.admit(from.address, now());
    if (admitted === 'first-over') this.#options.log(`${from.address} says too much`);
    if (admitted !== 'admitted') {
      explainDatagram('one too many from there, ignored');
      return;
    }
    const greeting = isShort ? this.#options.decode(datagram) : undefined;
    if (greeting === undefined) {
      explainDatagram('makes no sense, ignored');
      this.#options.log(`a datagram of ${from.address} makes no sense`);
      return;
    }
    this.#run(this.#roster.heard(from.address, greeting, now(), direct));
  }

  /** Most datagrams are copies of the one before: they are not worth reading. */
  #isCopy(datagram: Buffer, address: string): boolean {
    const last = this.#last.get(address);
    if (last !== undefined && now() - last.at < COPIES_WITHIN && last.datagram.equals(datagram)) {
      return true;
    }
    this.#last.delete(address);
    this.#last.set(address, { datagram, at: now() });
    const [oldest] = this.#last.keys();
    if (this.#last.size > MOST_REMEMBERED && oldest !== undefined) this.#last.delete(oldest);
    return false;
  }

  /** Whether this peer has that address. */
  isOwn(address: string): boolean {
    const { ip } = this.#options;
    if (ip !== undefined) return address === ip;
    if (now() - this.#lookedAt > LOOK_EVERY_MS) this.#look();
    return this.#addresses.has(address);
  }

  /** Which addresses this machine has by now. */
  #look(): void {
    const before = this.#addresses;
    this.#lookedAt = now();
    this.#addresses = new Set(localAddresses());
    const isNew = [...this.#addresses].some((address) => !before.has(address));
    // There the others do not know it yet.
    if (isNew && before.size > 0) this.greet();
  }

  #run(effects: readonly RosterEffect[]): void {
    if (this.#closed) return;
    for (const effect of effects) this.#carryOut(effect);
    this.#alarm.set(this.#roster.nextTimeout());
  }

  #carryOut(effect: RosterEffect): void {
    const { onCame, onLeft, onRenamed } = this.#options;
    switch (effect.type) {
      case 'say':
        this.#say(effect.word, effect.to);
        return;
      case 'came':
        onCame(effect.peer);
        return;
      case 'left':
        onLeft(effect.peer, effect.silent);
        return;
      case 'renamed':
        onRenamed(effect.peer, effect.before);
        return;
      default:
        assertNever(effect);
    }
  }

  #say(word: Greeting['word'], to: string | undefined): void {
    const { broadcast, port, encode, ip } = this.#options;
    // Own words come back, and from addresses that it may have since a moment ago.
    if (to === undefined) this.#look();
    const targets = to === undefined ? (broadcast ?? broadcastAddresses()) : [to];
    // A network that is down must not keep the others from hearing.
    for (const target of targets) {
      const datagram = encode(word, ip ?? ownAddressFor(target) ?? '');
      this.#saying += 1;
      this.#own.send(datagram, port, target, () => {
        this.#saying -= 1;
        this.#saidAll();
      });
    }
  }

  #saidAll(): void {
    if (this.#saying === 0 && this.#roster.nextCopy === undefined) this.#onSaid?.();
  }
}

async function listen(port: number, address: string | undefined): Promise<Socket> {
  const socket = createSocket({
    ...{ type: 'udp4', reuseAddr: true },
    recvBufferSize: RECEIVE_BUFFER_BYTES,
  });
  await new Promise<void>((resolve, reject) => {
    socket.once('error', reject);
    socket.bind({ port, ...(address !== undefined && { address }) }, () => {
      socket.off('error', reject);
      resolve();
    });
  });
  return socket;
}
