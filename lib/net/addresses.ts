import { isIP } from 'node:net';
import { type NetworkInterfaceInfo, networkInterfaces } from 'node:os';

/** An address without the prefix that an IPv4 peer has on a socket for both families. */
export function plainAddress(address: string): string {
  return address.startsWith('::ffff:') && isIP(address.slice(7)) === 4 ? address.slice(7) : address;
}

export function udpFamily(address: string): 'udp4' | 'udp6' {
  return isIP(address) === 6 || address.includes(':') ? 'udp6' : 'udp4';
}

/** `host:port`, with the brackets that an IPv6 address needs. */
export function formatEndpoint(host: string, port: number): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`;
}

/** Whether `text` is an IP address. */
export function isAddress(text: string): boolean {
  return isIP(text) !== 0;
}

/** Whether `text` is an IPv4 address. */
export function isIPv4(text: string): boolean {
  return isIP(text) === 4;
}

/** Whether `text` can be a host: an IP address or a name. */
export function isHost(text: string): boolean {
  // Four numbers with dots are an address or a mistake.
  if (isAddress(text) || /^[\d.]+$/.test(text)) return isAddress(text);
  return (
    text.length <= 253 &&
    /^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$/i.test(text)
  );
}

/** The addresses of this machine. */
export function localAddresses(): string[] {
  return Object.values(networkInterfaces()).flatMap((list) =>
    (list ?? []).map((one) => one.address),
  );
}

/** Where everybody on the networks of this machine hears, itself included: an address for each network. */
export function broadcastAddresses(): string[] {
  return [...new Set(ownNetworks().map(({ address, mask }) => formatIPv4(address | ~mask)))];
}

/** The address of this machine that somebody at `target` (IPv4) sees it under, if it is known. */
export function ownAddressFor(target: string): string | undefined {
  const networks = ownNetworks();
  const isThere = ({ address, mask }: Network): boolean =>
    (address & mask) === (parseIPv4(target) & mask);
  const found = networks.find(isThere) ?? networks.find(({ internal }) => !internal);
  return found && formatIPv4(found.address);
}

interface Network {
  readonly address: number;
  readonly mask: number;
  readonly internal: boolean;
}

/** IPv4 only. */
function ownNetworks(): Network[] {
  return Object.values(networkInterfaces())
    .flatMap((list) => list ?? [])
    .filter(({ family }) => family === 'IPv4')
    .map(({ address, netmask, internal }) => {
      return { address: parseIPv4(address), mask: parseIPv4(netmask), internal };
    });
}

function parseIPv4(text: string): number {
  return Buffer.from(text.split('.').map(Number)).readInt32BE();
}

function formatIPv4(address: number): string {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(address);
  return bytes.join('.');
}

/** The name of the interface that has `address`, like `eth0`. */
export function interfaceOf(address: string): string {
  const all = Object.entries(networkInterfaces());
  const has = (list: NetworkInterfaceInfo[] = []): boolean =>
    list.some((one) => one.address === address || isLoopback(one.address, address));
  return all.find(([, list]) => has(list))?.[0] ?? 'unknown';
}

/** All of 127.0.0.0/8 is one interface. */
function isLoopback(one: string, other: string): boolean {
  return one.startsWith('127.') && other.startsWith('127.');
}
