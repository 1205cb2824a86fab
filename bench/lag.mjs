/**
 * How far one who reads is behind one who writes at 100 MB/s, over a relay. Arguments: data port, bytes,
 * and the requests of both. The reader begins a second after the writer. Prints the most
 * milliseconds that a byte took, from a second behind that on.
 */
import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

const BLOCK = 1_000_000;
const EVERY_MS = 10;
const HEAD_START_MS = 1000;

const [port = '', size = '', write = '', read = ''] = process.argv.slice(2);
const total = Number(size);
/** When each block was written. */
const written = [];

const writer = await granted(write);
const writing = writeAll();
await delay(HEAD_START_MS);
const slowest = await readAll();
await writing;
process.stdout.write(`${Math.max(0, slowest)}\n`);
process.exit();

/** A connection whose request was granted: the answer ends with a line end, and nothing follows yet. */
async function granted(request) {
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(`${request}\r\n`);
  const [answer] = await once(socket, 'data');
  if (!String(answer).startsWith('500')) throw new Error(String(answer));
  return socket;
}

async function writeAll() {
  const block = Buffer.alloc(BLOCK, 7);
  for (let left = total; left > 0; left -= BLOCK) {
    written.push(performance.now());
    const all = writer.write(block.subarray(0, Math.min(left, BLOCK)));
    await (all ? delay(EVERY_MS) : once(writer, 'drain'));
  }
  writer.end();
}

async function readAll() {
  const began = performance.now();
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(`${read}\r\n`);
  let came = 0;
  let worst = 0;
  socket.on('data', (chunk) => {
    came += chunk.length;
    const now = performance.now();
    const at = written[Math.floor(came / BLOCK) - 1] ?? now;
    if (now - began > HEAD_START_MS) worst = Math.max(worst, now - at);
  });
  await once(socket, 'end');
  socket.end();
  if (came < total) throw new Error('it has ended too early');
  return worst;
}
