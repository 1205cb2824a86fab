import type { Socket } from 'node:net';
import { earliest } from '../core/brands.ts';
import { type Agreed, LinkConversation, type Passed } from '../lab/link-conversation.ts';
import type { Toward } from '../lab/link-ways.ts';
import { type TcpFaults, TcpPath } from '../lab/tcp-path.ts';
import { plainAddress } from './addresses.ts';
import { breakConnection } from './break-connection.ts';
import { Alarm, now } from './clock.ts';
import { type Decision, LinkDatagrams, type LinkDatagramsOptions } from './link-datagrams.ts';

/** Whoever writes more than that faster than it passes is not read any more. */
const MAX_WAITING_BYTES = 1_048_576;

/** Of a re-request, in bytes. */
const MOST_TOLD = 100;

export interface LinkConnectionOptions {
  readonly client: Socket;
  readonly server: Socket;
  readonly tcp: TcpFaults;
  readonly datagrams: LinkDatagramsOptions;
  readonly onEvent: (text: string) => void;
  readonly onClosed: () => void;
}

/** One client of a link: its connection, that to the server, and the datagrams of its download. */
export class LinkConnection {
  readonly #options: LinkConnectionOptions;
  readonly #conversation = new LinkConversation();
  readonly #sockets: Readonly<Record<Toward, Socket>>;
  readonly #paths: Readonly<Record<Toward, TcpPath>>;
  readonly #alarm = new Alarm(() => this.#onAlarm());
  /** One thing after the other, though opening a port takes a while. */
  #turn: Promise<void> = Promise.resolve();
  #datagrams: LinkDatagrams | undefined;
  #bytes = 0;
  #isClosed = false;
  readonly #breakTimer: NodeJS.Timeout | undefined;

  constructor(options: LinkConnectionOptions) {
    this.#options = options;
    const { client, server, tcp } = options;
    this.#sockets = { client, server };
    this.#paths = { client: new TcpPath(tcp), server: new TcpPath(tcp) };
    this.#read('client');
    this.#read('server');
    const { breakAt } = tcp;
    if (breakAt?.type === 'time') {
      this.#breakTimer = setTimeout(() => this.#break(), breakAt.after);
    }
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#breakTimer);
    this.#alarm.clear();
    this.#datagrams?.close();
    this.#options.client.destroy();
    this.#options.server.destroy();
    this.#options.onClosed();
  }

  #read(from: Toward): void {
    const socket = this.#sockets[from];
    const toward = otherOf(from);
    // What goes at once should not be joined by the system, nor what was split.
    socket.setNoDelay(true);
    socket.on('error', () => undefined);
    socket.on('data', (chunk: Buffer) => {
      this.#inTurn(async () => {
        this.#count(chunk.length);
        const passed =
          from === 'client'
            ? this.#conversation.fromClient(chunk, now())
            : this.#conversation.fromServer(chunk, now());
        if (from === 'client') this.#tellReRequest(chunk);
        await this.#pass(passed, toward);
        if (this.#paths[toward].waitingBytes > MAX_WAITING_BYTES) socket.pause();
      });
    });
    socket.on('end', () => {
      this.#inTurn(async () => {
        const held =
          from === 'client' ? this.#conversation.end() : this.#conversation.endOfServer();
        await this.#pass(held, toward);
        this.#paths[toward].end(now());
      });
    });
    // The other side reads what is on its way before it hears of it.
    socket.once('close', (hadError) => {
      this.#inTurn(async () => {
        if (hadError) this.#paths[toward].end(now(), 'reset');
      });
    });
    socket.on('drain', () => this.#sockets[toward].resume());
    socket.resume();
  }

  #inTurn(action: () => Promise<void>): void {
    this.#turn = this.#turn.then(async () => {
      if (this.#isClosed) return;
      await action();
      if (!this.#isClosed) this.#pump();
    });
  }

  async #pass(all: Iterable<Passed>, toward: Toward): Promise<void> {
    for (const one of all) {
      const bytes = Buffer.isBuffer(one)
        ? one
        : Buffer.from(one.text(await this.#openDatagrams(one.agreed)), 'latin1');
      if (this.#isClosed) return;
      this.#paths[toward].push(bytes, now());
    }
  }

  /** For whoever watches: what was dropped is to come again, or not. */
  #tellReRequest(chunk: Buffer): void {
    const text = chunk.subarray(0, MOST_TOLD).toString('latin1').trim();
    const isUnderWay = this.#datagrams !== undefined && !this.#conversation.isBeginning;
    if (!isUnderWay || !/^\d[\d\s,|]*$/.test(text)) return;
    this.#options.onEvent(
      `asks again for ${text.replaceAll(/\s+/g, ' ')}${chunk.length > MOST_TOLD ? ' …' : ''}`,
    );
  }

  /** The port that stands for that of the peer. */
  async #openDatagrams(agreed: Agreed): Promise<number> {
    this.#datagrams?.close();
    this.#datagrams = undefined;
    const { client, server, datagrams, onEvent } = this.#options;
    const ends = {
      client: plainAddress(client.remoteAddress ?? ''),
      server: plainAddress(server.remoteAddress ?? ''),
    };
    const own = [client, server].map(({ localAddress = '' }) => plainAddress(localAddress));
    // Both sides see the same port of the link, so it has to be where both reach it.
    const here = own[0] === own[1] ? own[0] : ends.server.includes(':') ? '::' : '0.0.0.0';
    try {
      const opened = await LinkDatagrams.open({ own: here ?? '', ...ends }, agreed, {
        ...datagrams,
        onDecision: (decision) => this.#onDecision(decision),
      });
      if (this.#isClosed) opened.close();
      else this.#datagrams = opened;
      return opened.port;
    } catch (error) {
      onEvent(`gets its datagrams without the link: ${(error as Error).message}`);
      return agreed.port;
    }
  }

  #onDecision(decision: Decision): void {
    this.#options.datagrams.onDecision(decision);
    const { breakAt } = this.#options.tcp;
    if (breakAt?.type === 'part' && breakAt.seq === decision.seq) this.#break();
  }

  /** Writes what arrives by now. */
  #pump(): void {
    this.#writeDue();
    this.#closeWhenBothAreGone();
  }

  #writeDue(): void {
    for (const toward of ['client', 'server'] as const) {
      const to = this.#sockets[toward];
      const from = this.#sockets[otherOf(toward)];
      for (const what of this.#paths[toward].take(now())) {
        if (what === 'end') to.end();
        else if (what === 'reset') this.#reset(toward);
        else if (!to.write(what)) from.pause();
      }
      const isFull = this.#paths[toward].waitingBytes > MAX_WAITING_BYTES;
      if (from.isPaused() && !isFull && !to.writableNeedDrain) from.resume();
    }
    this.#alarm.set(
      earliest(
        this.#conversation.nextTimeout(),
        earliest(this.#paths.client.nextTimeout(), this.#paths.server.nextTimeout()),
      ),
    );
  }

  #onAlarm(): void {
    this.#inTurn(async () => {
      await this.#pass(this.#conversation.onTimeout(now()), 'server');
      await this.#pass(this.#conversation.onAnswerTimeout(now()), 'client');
    });
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    const { breakAt } = this.#options.tcp;
    if (breakAt?.type === 'bytes' && this.#bytes >= breakAt.count) this.#break();
  }

  #break(): void {
    if (this.#isClosed) return;
    this.#options.onEvent('is cut off: the connection breaks');
    this.#reset('client');
    this.#reset('server');
    this.close();
  }

  #reset(toward: Toward): void {
    const socket = this.#sockets[toward];
    breakConnection(socket);
  }

  #closeWhenBothAreGone(): void {
    const { client, server } = this.#options;
    if (client.destroyed && server.destroyed) this.close();
    else if (client.destroyed && this.#paths.server.nextTimeout() === undefined)
      server.destroySoon();
    else if (server.destroyed && this.#paths.client.nextTimeout() === undefined)
      client.destroySoon();
  }
}

function otherOf(toward: Toward): Toward {
  return toward === 'client' ? 'server' : 'client';
}
