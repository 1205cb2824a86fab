import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createConnection, createServer, type Socket } from 'node:net';
import { Engine, peer } from './lan.ts';
import { end, numberedParts, Play, type Recipe } from './play.ts';

const FILE = 'story.txt';
const BYTES = numberedParts(2);
const [ANN, BOB, CY] = ['127.0.0.2', '127.0.0.3', '127.0.0.4'];
/** Not that of the file. */
const WRONG_SHA256 = '0'.repeat(64);

export const LAN_FAULTY: readonly Recipe[] = [
  {
    samples: [
      {
        name: 'sent-faulty',
        shows:
          'a false address, nonsense, and a file that is not what was offered, at the receiver',
      },
    ],
    make: (at) => sent(at('sent-faulty')),
  },
  {
    samples: [
      {
        name: 'lanshare-faulty',
        shows: 'nonsense, and a file that is not what was offered, at the receiver',
      },
    ],
    make: (at) => lanshare(at('lanshare-faulty')),
  },
];

/** Says that ann is there, in these words, and waits for the answer. */
async function greet(port: number, words: object): Promise<void> {
  const socket = createSocket({ type: 'udp4', reuseAddr: true });
  socket.bind(port, ANN);
  await once(socket, 'listening');
  const answered = once(socket, 'message');
  socket.send(JSON.stringify(words), port, BOB);
  await answered;
  socket.close();
}

function open(port: number): Socket {
  const socket = createConnection({ host: BOB, port, localAddress: ANN });
  socket.on('error', () => undefined);
  return socket;
}

/** Says it, and waits until the other side has closed. */
async function say(port: number, words: object): Promise<void> {
  const socket = open(port);
  socket.resume();
  socket.end(`${JSON.stringify(words)}\n`);
  await new Promise((done) => socket.once('close', done));
}

/** Waits for an object, and answers it. */
async function answer(socket: Socket, words: object): Promise<void> {
  await once(socket, 'data');
  socket.write(`${JSON.stringify(words)}\n`);
}

async function sent(file: string): Promise<void> {
  await using play = await Play.begin();
  const to = ['--to', 'of-bob', '--accept', 'all', '--capture', file];
  const bob = play.start('sent', 'receive', ...to, ...peer('--name', 'bob'));
  await bob.waitFor(/^bob is there/m);
  await greet(8081, { type: 'JOIN', user: { name: 'ann', ip: CY } });
  await say(8080, { type: 'DANCE' });
  const [sender, receiver] = [
    { name: 'ann', ip: ANN },
    { name: 'bob', ip: BOB },
  ];
  const about = {
    name: FILE,
    size: String(BYTES.length),
    type: 'text/plain',
    hash: '0'.repeat(32),
  };
  const both = { file: { ...about, sha256: WRONG_SHA256 }, time: '2026-01-02 03:04:05' };
  const socket = open(8080);
  socket.write(`${JSON.stringify({ type: 'ASK', sender, receivers: [receiver], ...both })}\n`);
  await answer(socket, { type: 'FILE', sender, receiver, ...both, offset: '0' });
  socket.write(BYTES);
  await once(socket, 'close');
  await end(bob);
}

async function lanshare(file: string): Promise<void> {
  await using play = await Play.begin();
  await play.makeFolder('of-bob');
  const bob = await Engine.start(play, 'bob', '--capture', file);
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('end', () => socket.end()).resume();
  });
  server.listen(9999, ANN);
  await once(server, 'listening');
  try {
    await greet(9998, { stat: 'online', ip: ANN, username: 'ann' });
    await bob.hears({ stat: 'online', username: 'ann' });
    await say(9999, { stat: 'dance' });
    const size = { fileName: FILE, fileSize: String(BYTES.length) };
    const person = { username: 'ann', ip: ANN };
    const offer = { ...size, fileType: 'txt', contentType: 'file', dir: FILE };
    await say(9999, { stat: 'rreq', ...person, ...offer });
    await bob.hears({ stat: 'rreq' });
    bob.say({ stat: 'cacp', ip: ANN, dir: FILE, dest: 'of-bob' });
    await bob.hears({ stat: 'sacp' });
    const socket = open(9996);
    socket.write(`${JSON.stringify({ ...size, sha256: WRONG_SHA256 })}\n`);
    await once(socket, 'data');
    socket.write(BYTES);
    await bob.hears({ stat: 'fprg' });
    await bob.quit();
    socket.destroy();
  } finally {
    server.close();
  }
}
