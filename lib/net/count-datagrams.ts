import { createSocket } from 'node:dgram';
import { udpFamily } from './addresses.ts';
import { tapUdp } from './tap.ts';

/** How many datagrams come to a port of `host` while `meanwhile` lasts; 0 where there is no such address. */
export async function countDatagrams(
  host: string,
  meanwhile: (port: number) => Promise<void>,
): Promise<number> {
  const socket = createSocket(udpFamily(host));
  let count = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, host, resolve);
    });
    tapUdp(socket);
    socket.on('message', () => {
      count += 1;
    });
    await meanwhile(socket.address().port);
  } catch {
    // There is no such address here.
  } finally {
    socket.close();
  }
  return count;
}
