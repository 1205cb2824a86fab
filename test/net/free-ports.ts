import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer } from 'node:net';

/** Below those that the system gives out: what has just become free stays so, but for another test by chance. */
const FIRST = 12_000;
const COUNT = 10_000;

/** A UDP and a TCP port that were free a moment ago, for peers that all have to have the same. */
export async function freePorts(): Promise<{ readonly udpPort: number; readonly tcpPort: number }> {
  const udpPort = await freePort(async (port) => {
    const socket = createSocket('udp4').bind(port);
    await once(socket, 'listening');
    socket.close();
    await once(socket, 'close');
  });
  const tcpPort = await freePort(async (port) => {
    const server = createServer().listen(port);
    await once(server, 'listening');
    server.close();
    await once(server, 'close');
  });
  return { udpPort, tcpPort };
}

async function freePort(use: (port: number) => Promise<void>): Promise<number> {
  for (;;) {
    const port = FIRST + randomInt(COUNT);
    try {
      await use(port);
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    }
  }
}
