import { createSocket } from 'node:dgram';
import { udpFamily } from './addresses.ts';
import { explainDatagram, tapUdp } from './tap.ts';

/**
 * Sends datagrams from an address of this machine; nothing where there is no such address.
 * @param comment of each, in a capture
 */
export async function sendFrom(
  from: string,
  datagrams: readonly Buffer[],
  port: number,
  host: string,
  comment: string,
): Promise<void> {
  const socket = createSocket(udpFamily(from));
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('error', reject);
      socket.bind(0, from, resolve);
    });
    tapUdp(socket);
    for (const datagram of datagrams) {
      await new Promise<void>((resolve) => {
        socket.send(datagram, port, host, () => resolve());
        explainDatagram(comment);
      });
    }
  } catch {
    // There is no such address here.
  } finally {
    socket.close();
  }
}
