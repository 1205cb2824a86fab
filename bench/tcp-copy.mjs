/**
 * A plain TCP copy between two Node.js processes, to compare with. Arguments: `serve FILE COUNT` prints
 * the port that it listens on, and sends the file so often; `get PORT FILE` writes what comes.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Read and written at once. */
const CHUNK = { highWaterMark: 2 ** 20 };

const [role, first = '', second = ''] = process.argv.slice(2);
if (role === 'serve') {
  let left = Number(second);
  const server = createServer((socket) => {
    left -= 1;
    if (left === 0) server.close();
    void pipeline(createReadStream(first, CHUNK), socket);
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${server.address().port}\n`);
  });
} else {
  await pipeline(connect(Number(first), '127.0.0.1'), createWriteStream(second, CHUNK));
}
