import { once } from 'node:events';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { Recorder } from '../../../lib/capture/recorder.ts';
import { answerQuestion, encodeQuestion } from '../../../lib/isend/code.ts';
import { end, numberedParts, Play, type Recipe } from './play.ts';

const FILE = 'story.txt';
/** Of more than one piece: a piece has at most 65,535 bytes. */
const PARTS = 36;
const PORT = 7770;
const CONNECT = '000000000000';
const ESTABLISHED = '000065000000';

export const ISEND: readonly Recipe[] = [
  {
    samples: [{ name: 'isend', shows: 'one without the password, a folder, and the same again' }],
    make: (at) => folders(at('isend')),
  },
  {
    samples: [{ name: 'isend-ipv6', shows: 'a file over IPv6, and the same again, to be resumed' }],
    make: (at) => resumed(at('isend-ipv6')),
  },
  {
    samples: [{ name: 'isend-faulty', shows: 'three senders with a fault each, at the receiver' }],
    make: (at) => badSenders(at('isend-faulty')),
  },
  {
    samples: [{ name: 'isend-unasked', shows: 'a receiver that answers twice, at the sender' }],
    make: (at) => badReceiver(at('isend-unasked')),
  },
  {
    samples: [{ name: 'isend-code', shows: 'a question for a short code, and its answer' }],
    make: (at) => code(at('isend-code')),
  },
];

async function receiver(play: Play, host: string, ...flags: readonly string[]) {
  const program = play.start('isend', 'receive', '--host', host, '--to', 'inbox', ...flags);
  await program.waitFor(/listening on TCP port \d+/);
  return program;
}

async function folders(file: string): Promise<void> {
  await using play = await Play.begin({ password: 'correct horse\n' });
  await play.write('pictures/notes.txt', 'three words and a picture\n');
  await play.write('pictures/文書/nothing.txt', '');
  await play.write(`pictures/${FILE}`, numberedParts(PARTS));
  const secret = ['--password-file', 'password'];
  const flags = ['--on-conflict', 'skip', '--capture', file];
  const bob = await receiver(play, '127.0.0.1', ...flags, ...secret);
  await play.run(1, 'isend', 'send', '127.0.0.1', '--message', 'let me in');
  const send = ['isend', 'send', '127.0.0.1', 'pictures', ...secret];
  await play.run(0, ...send, '--message', 'Here are the pictures.');
  await play.run(1, ...send);
  await end(bob);
}

async function resumed(file: string): Promise<void> {
  await using play = await Play.begin({ [FILE]: numberedParts(PARTS) });
  const bob = await receiver(play, '::1', '--on-conflict', 'resume', '--capture', file);
  for (let time = 1; time <= 2; time += 1) await play.run(0, 'isend', 'send', '::1', FILE);
  await end(bob);
}

async function badSenders(file: string): Promise<void> {
  await using play = await Play.begin();
  const bob = await receiver(play, '127.0.0.1', '--capture', file);
  // An unknown code; a flag that is neither 0 nor 1; a name without a length.
  for (const wrong of ['000163000000', '00010c020000', '00010a010000']) {
    const socket = createConnection({ host: '127.0.0.1', port: PORT });
    socket.write(Buffer.from(CONNECT, 'hex'));
    await once(socket, 'data');
    socket.write(Buffer.from(wrong, 'hex'));
    socket.resume();
    await once(socket, 'close');
  }
  await end(bob);
}

async function badReceiver(file: string): Promise<void> {
  const server = createServer((socket) => {
    socket.on('error', () => undefined);
    socket.once('data', () => {
      socket.end(Buffer.from(ESTABLISHED + ESTABLISHED, 'hex'));
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await using play = await Play.begin();
  const message = ['--message', 'Are you there?', '--capture', file];
  await play.run(1, 'isend', 'send', '127.0.0.1', '--port', String(port), ...message);
  server.close();
}

/** It goes to all networks of a machine; these packets are from none. */
async function code(file: string): Promise<void> {
  const recorder = new Recorder({
    ...{ path: file, limit: 1e6, application: 'wirelab captures', interfaceOf: () => 'lo' },
    onStopped: (reason) => {
      throw new Error(reason);
    },
  });
  const alice = { address: '192.0.2.1', port: 40_771 };
  const [everybody, bob] = ['192.0.2.255', '192.0.2.2'].map((address) => ({ address, port: PORT }));
  const [secret, nonce] = ['4829-1355', Buffer.alloc(16, 'not by chance')];
  const question = encodeQuestion(secret, nonce);
  const answer = answerQuestion(secret, question, PORT);
  if (everybody === undefined || bob === undefined || answer === undefined) throw new Error(secret);
  recorder.udp('out', alice, everybody, question);
  recorder.udp('in', alice, bob, answer);
  recorder.close();
}
