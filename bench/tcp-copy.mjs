/**
 * A plain TCP copy between two Node.js processes, to compare with. Arguments: `serve FILE` prints the
 * port that it listens on; `get PORT FILE` writes what comes.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { connect, createServer } from 'node:net';
import { pipeline } from 'node:stream/promises';

/** Read and written at once. */
const CHUNK = { highWaterMark: 2 ** 20 };

const [role, first = '', second = ''] = process.argv.slice(2);
if (role === 'serve') {
  const server = createServer((socket) => {
    void pipeline(createReadStream(first, CHUNK), socket).finally(() => server.close());
  });
  server.listen(0, '127.0.0.1', () => {
    process.stdout.write(`${server.address().port}\n`);
  });
} else {
  await pipeline(connect(Number(first), '127.0.0.1'), createWriteStream(second, CHUNK));
}
