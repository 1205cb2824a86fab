/**
 * A share of the many clients, as a process of its own (see run.ts). Each logs in, says something
 * to all and to one, and downloads the file; meanwhile each asks who is online, and notes how long
 * the answer took. What comes is compared with the file, so that the clients need little of the machine
 * that the server runs on, too. Arguments: `fast` or `document`, host, first client, number of clients,
 * path of the file, then the ports.
 */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { ChatClientDriver } from '../lib/net/chat-client-driver.ts';
import type { Receiver } from '../lib/udp-reliable/receiver.ts';
import { UserLists } from './user-lists.ts';

const [profile = '', host = '', first = '0', count = '0', path = '', ...ports] =
  process.argv.slice(2);

/** What each says to all; in the fast profile it is the downloads that are looked at. */
const MESSAGES = profile === 'fast' ? 0 : 3;
const ASK_EVERY_MS = 200;

const expected = readFileSync(path);
const sha256 = createHash('sha256').update(expected).digest('hex');

interface ClientResult {
  readonly whole: boolean;
  readonly seconds: number;
  readonly slowestAnswerMs: number;
  readonly reRequests: number;
  readonly duplicates: number;
}

const clients = Array.from({ length: Number(count) }, (_, index) => {
  const number = Number(first) + index;
  return runClient(number, Number(ports[number % ports.length]));
});
const results = await Promise.all(clients);
process.stdout.write(`${JSON.stringify(results)}\n`);

async function runClient(number: number, port: number): Promise<ClientResult> {
  let equal = 0;
  let receiver: Receiver | undefined;
  const lists = new UserLists();
  const client: ChatClientDriver = await ChatClientDriver.open({
    host,
    port,
    from: undefined,
    framing: 'line',
    onText: (text) => lists.hear(text),
    onAskToProceed: () => client.answer('proceed'),
    openSink: async (_file, opened) => {
      receiver = opened;
      return {
        write: (seq, datagram, start) => {
          const at = seq * opened.payload;
          const part = datagram.subarray(start);
          if (part.equals(expected.subarray(at, at + part.length))) equal += part.length;
          return true;
        },
        sha256: async () => sha256,
      };
    },
    onClosed: () => undefined,
  });
  const name = `client-${number}`;
  if (!(await client.connect(name))) throw new Error(`${name} cannot connect`);
  const stop = lists.ask(client, ASK_EVERY_MS);
  for (let index = 0; index < MESSAGES; index += 1) {
    client.send({ type: 'msg-all', data: `${name} says ${index}` });
  }
  client.send({ type: 'msg', data: 'to myself', target: name });
  const start = performance.now();
  const outcome = await client.download(
    basename(path),
    profile === 'fast' ? { proceed: true } : undefined,
  );
  if (outcome.type !== 'complete') throw new Error(`${name}: ${JSON.stringify(outcome)}`);
  const seconds = (performance.now() - start) / 1000;
  stop();
  await client.disconnect();
  return {
    whole: equal === expected.length,
    seconds,
    slowestAnswerMs: lists.slowest,
    reRequests: receiver?.counts.reRequests ?? 0,
    duplicates: receiver?.counts.duplicates ?? 0,
  };
}
