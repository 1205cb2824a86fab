/**
 * Several readers of TCP streams in one process. Arguments: how many, and the words of a line that the
 * n-th one begins with, if it is to say something (`%` stands for n). The port comes on standard input,
 * when it is time. Prints how many bytes came in all, and in how many milliseconds.
 */
import { once } from 'node:events';
import { connect } from 'node:net';

const [count = '1', ...words] = process.argv.slice(2);
process.stdout.write('ready\n');
const [port] = await once(process.stdin, 'data');
const began = performance.now();
const all = await Promise.all(Array.from({ length: Number(count) }, (_, number) => read(number)));
const milliseconds = performance.now() - began;
const bytes = all.reduce((sum, came) => sum + came, 0);
process.stdout.write(`${JSON.stringify({ bytes, milliseconds })}\n`);
process.exit();

async function read(number) {
  const socket = connect(Number(port), '127.0.0.1');
  if (words.length > 0) socket.write(`${words.join(' ').replace('%', String(number))}\r\n`);
  let came = 0;
  socket.on('data', (chunk) => {
    came += chunk.length;
  });
  await once(socket, 'end');
  socket.end();
  return came;
}
