import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { plainAddress } from './addresses.ts';

/** Of Ethernet, and of most paths. */
const USUAL_MTU = 1500;
/** Of the loopback interface where the system does not tell: macOS has the least. */
const LOOPBACK_MTU = 16_384;

/**
 * The largest IP packet that the interface with this local address sends in one piece. Linux tells
 * it; elsewhere it is what is usual.
 */
export function interfaceMtu(localAddress: string): number {
  const address = plainAddress(localAddress).replace(/%.*$/, '');
  for (const [name, entries = []] of Object.entries(networkInterfaces())) {
    // The whole of 127.0.0.0/8 is on one interface.
    const found = entries.find(
      (entry) =>
        entry.address === address ||
        (entry.internal && entry.family === 'IPv4' && address.startsWith('127.')),
    );
    if (found !== undefined) return readMtu(name) ?? (found.internal ? LOOPBACK_MTU : USUAL_MTU);
  }
  return USUAL_MTU;
}

function readMtu(name: string): number | undefined {
  try {
    const mtu = Number(readFileSync(`/sys/class/net/${name}/mtu`, 'utf8'));
    return Number.isInteger(mtu) && mtu >= 576 ? mtu : undefined;
  } catch {
    return undefined;
  }
}
