import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { millis } from '../core/brands.ts';
import { answerQuestion, decodeAnswer, encodeQuestion, NONCE_BYTES } from '../isend/code.ts';
import { broadcastAddresses } from './addresses.ts';
import { delay } from './clock.ts';
import { tapUdp } from './tap.ts';

/** How often a question is asked, and how long each is waited for. */
const ATTEMPTS = 6;
const WAIT = millis(500);

/** Answers those who ask for a code with a TCP port, until it is closed. */
export class CodeResponder implements AsyncDisposable {
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** @throws Error when the UDP port cannot be used. */
  static async start(code: string, udpPort: number, tcpPort: number): Promise<CodeResponder> {
    // Several receivers on one machine all hear what is sent to everybody.
    const socket = createSocket({ type: 'udp4', reuseAddr: true });
    tapUdp(socket);
    await bind(socket, udpPort);
    socket.on('error', () => undefined);
    socket.on('message', (question, from) => {
      const answer = answerQuestion(code, question, tcpPort);
      if (answer !== undefined) socket.send(answer, from.port, from.address, () => undefined);
    });
    return new CodeResponder(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }
}

/**
 * Asks everybody on the networks of this machine who has the code.
 * @returns the first who can show that he knows it, or `undefined` when nobody does.
 */
export async function findCode(
  code: string,
  udpPort: number,
): Promise<{ readonly host: string; readonly port: number } | undefined> {
  const socket = createSocket('udp4');
  tapUdp(socket);
  const found = new AbortController();
  let receiver: { host: string; port: number } | undefined;
  const nonce = randomBytes(NONCE_BYTES);
  try {
    await bind(socket, 0);
    socket.on('error', () => undefined);
    socket.setBroadcast(true);
    socket.on('message', (answer, from) => {
      const port = decodeAnswer(code, answer, nonce);
      if (port === undefined || receiver !== undefined) return;
      receiver = { host: from.address, port };
      found.abort();
    });
    const question = encodeQuestion(code, nonce);
    for (let attempt = 0; attempt < ATTEMPTS && receiver === undefined; attempt += 1) {
      // A network that is down must not keep the others from being asked.
      for (const address of ['255.255.255.255', ...broadcastAddresses()]) {
        socket.send(question, udpPort, address, () => undefined);
      }
      await delay(WAIT, found.signal);
    }
    return receiver;
  } finally {
    socket.close();
  }
}

function bind(socket: Socket, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    socket.once('error', reject);
    socket.bind(port, () => {
      socket.off('error', reject);
      resolve();
    });
  });
}
