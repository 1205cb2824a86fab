import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';

/** A UDP and a TCP port that were free a moment ago, for peers that all have to have the same. */
export async function freePorts(): Promise<{ readonly udpPort: number; readonly tcpPort: number }> {
  const udp = createSocket('udp4');
  udp.bind(0);
  await once(udp, 'listening');
  const tcp = createServer();
  tcp.listen(0);
  await once(tcp, 'listening');
  const ports = { udpPort: udp.address().port, tcpPort: (tcp.address() as AddressInfo).port };
  await Promise.all([
    new Promise<void>((resolve) => udp.close(() => resolve())),
    new Promise<void>((resolve) => tcp.close(() => resolve())),
  ]);
  return ports;
}
