import type { Millis } from '../core/brands.ts';
import { DATAGRAM_BYTES, type Numbering, type Segmentation } from '../udp-reliable/segment.ts';
import type { Sender } from '../udp-reliable/sender.ts';
import { type Share, SharedPacer } from '../udp-reliable/shared-pacer.ts';
import type { Dialect } from './codec.ts';
import type { Framing } from './framing.ts';
import type { ClientMessage, FastOffer, FastRequest, ServerMessage } from './messages.ts';
import type { UserName } from './names.ts';

export type ConnectionId = number;

/** A file as it was when a download of it began. */
export interface OfferedFile {
  readonly size: number;
  /** The value of its last byte; `undefined` for an empty file. */
  readonly lastByte: number | undefined;
  /** The same as long as the file is. */
  readonly id: string;
  /** In hex, when it is known already. */
  readonly knownSha256?: string | undefined;
}

export type Download =
  | { readonly state: 'opening'; readonly file: string; readonly fast: FastRequest | undefined }
  | {
      readonly state: 'awaiting-address';
      readonly file: string;
      readonly offered: OfferedFile;
      readonly cut: Segmentation;
      /** When the number of parts was told. */
      readonly since: Millis;
    }
  | {
      readonly state: 'transferring';
      readonly file: string;
      readonly offered: OfferedFile;
      readonly sender: Sender;
      /** The rest of what the client is offered, in the fast profile. */
      readonly offer: Omit<FastOffer, 'port'> | undefined;
      /** In the fast profile: whether the client was told the hash, and whether it waits for it. */
      hash: 'to-tell' | 'waited-for' | 'told';
    };

/** What this side knows of the way to a client. */
export interface Way {
  /** The largest IP packet that it carries. */
  readonly mtu: number;
  /** Both sides are on this machine. */
  readonly local: boolean;
}

/** One TCP connection. It is online while it has a name. */
export interface Session {
  readonly id: ConnectionId;
  /** The address it comes from. */
  readonly host: string;
  readonly way: Way;
  /** How its latest message was framed. */
  framing: Framing;
  name: UserName | undefined;
  download: Download | undefined;
  /** When this client was last heard, or something was last sent to it. */
  lastActive: Millis;
}

export type ServerEffect =
  | { readonly type: 'send'; readonly to: ConnectionId; readonly message: ServerMessage }
  | { readonly type: 'close'; readonly connection: ConnectionId }
  | { readonly type: 'list-files'; readonly connection: ConnectionId }
  | { readonly type: 'open-file'; readonly connection: ConnectionId; readonly file: string }
  | {
      readonly type: 'start-sending';
      readonly connection: ConnectionId;
      readonly sender: Sender;
      readonly host: string;
      readonly cut: Segmentation;
      readonly numbering: Numbering;
      /** Where to; in the fast profile the client's first feedback with this key tells it. */
      readonly target: { readonly port: number } | { readonly key: number };
    }
  /** The SHA-256 of the file is wanted. */
  | { readonly type: 'hash-file'; readonly connection: ConnectionId }
  /** The sender has something new to send. */
  | { readonly type: 'wake-sender'; readonly connection: ConnectionId }
  /** Look whether the file is still the one that was opened, before the last word. */
  | { readonly type: 'check-file'; readonly connection: ConnectionId }
  /** Nothing more is to be sent, though the file is still needed. */
  | { readonly type: 'stop-sending'; readonly connection: ConnectionId }
  | { readonly type: 'end-sending'; readonly connection: ConnectionId }
  | {
      readonly type: 'log';
      readonly connection: ConnectionId;
      readonly name: string | undefined;
      readonly text: string;
    };

export type Handler<Type extends ClientMessage['type']> = (
  room: Room,
  session: Session,
  message: Extract<ClientMessage, { type: Type }>,
  now: Millis,
) => readonly ServerEffect[];

export interface RoomOptions {
  readonly dialect: Dialect;
  /** The most bytes a second for all downloads together. */
  readonly rate?: number | undefined;
  /** The most bytes a second for one client. */
  readonly clientRate?: number | undefined;
}

/**
 * Bytes a second for all downloads under the document's rules when nothing else is said: what a core
 * sends with time left for everything else, so that a full house is still answered at once.
 */
const USUAL_RATE = 100_000_000;
/** A busy server comes round only every few milliseconds; this much of its rate is made up for. */
const MAKE_UP_SECONDS = 0.02;
const LEAST_BURST = 24 * DATAGRAM_BYTES;

/** Below so many bytes a second the parts are such as fit any Ethernet, however much the way carries. */
const SLOW_RATE = 500_000;
const USUAL_MTU = 1500;

/** Who is there: the state that all connections of a server share, on all its ports. */
export class Room {
  readonly dialect: Dialect;
  /** What all downloads share, when there is a limit. */
  readonly #all: SharedPacer | undefined;
  /** What the downloads under the document's rules share: nothing else tells them of each other. */
  readonly #document: SharedPacer;
  readonly #rate: number;
  readonly #clientRate: number | undefined;
  readonly sessions = new Map<ConnectionId, Session>();
  /** In order of connection with a name. */
  readonly #online = new Map<UserName, Session>();

  constructor(options: RoomOptions) {
    this.dialect = options.dialect;
    this.#all = options.rate === undefined ? undefined : newPacer(options.rate);
    this.#document = this.#all ?? newPacer(USUAL_RATE);
    this.#rate = options.rate ?? Infinity;
    this.#clientRate = options.clientRate;
  }

  /** The largest packet for a download of the fast profile: at a low rate none that takes long. */
  mtuFor(session: Session, fast: FastRequest): number {
    const mtu = Math.min(session.way.mtu, fast.mtu);
    const rate = Math.min(this.#rate, this.#clientRate ?? Infinity, fast.rate ?? Infinity);
    return rate < SLOW_RATE ? Math.min(mtu, USUAL_MTU) : mtu;
  }

  /** A new download's part of every limit that it is under. */
  newShares(fast: FastRequest | undefined, datagramBytes: number): Share[] {
    const shared = fast === undefined ? this.#document : this.#all;
    const own = Math.min(this.#clientRate ?? Infinity, fast?.rate ?? Infinity);
    const pacers = [shared, own === Infinity ? undefined : newPacer(own)];
    return pacers.flatMap((pacer) => pacer?.newShare(datagramBytes) ?? []);
  }

  get names(): readonly UserName[] {
    return [...this.#online.keys()];
  }

  find(name: string): Session | undefined {
    return this.#online.get(name as UserName);
  }

  enter(session: Session, name: UserName): void {
    session.name = name;
    this.#online.set(name, session);
  }

  leave(session: Session): void {
    if (session.name !== undefined) this.#online.delete(session.name);
    session.name = undefined;
  }

  toAll(message: ServerMessage): ServerEffect[] {
    return [...this.#online.values()].map(({ id }) => ({ type: 'send', to: id, message }));
  }
}

/** Whatever the reason: nothing of it is left. */
export function endDownload(session: Session): ServerEffect[] {
  if (session.download === undefined) return [];
  if (session.download.state === 'transferring') session.download.sender.stop();
  session.download = undefined;
  return [{ type: 'end-sending', connection: session.id }];
}

export function reply(session: Session, message: ServerMessage): ServerEffect {
  return { type: 'send', to: session.id, message };
}

export function log(session: Session, text: string): ServerEffect {
  return { type: 'log', connection: session.id, name: session.name, text };
}

function newPacer(rate: number): SharedPacer {
  return new SharedPacer(rate, Math.max(LEAST_BURST, rate * MAKE_UP_SECONDS));
}
