import type { Endpoint } from './packets.ts';

/** An address as the system writes it, and a port of it. */
export interface Address {
  readonly address: string;
  readonly port: number;
}

/** IPv4 in four bytes, IPv6 in sixteen. An IPv4 address in the form that IPv6 has for it counts as IPv4. */
export function parseAddress(text: string): Uint8Array {
  const [plain = ''] = text.split('%');
  const v4 = plain.startsWith('::ffff:') ? plain.slice(7) : plain;
  if (v4.includes('.')) return Uint8Array.from(v4.split('.').map(Number));
  const bytes = Buffer.alloc(16);
  const [head = '', tail] = plain.split('::');
  const first = head.split(':').filter(Boolean);
  const last = (tail ?? '').split(':').filter(Boolean);
  first.forEach((group, index) => void bytes.writeUInt16BE(Number.parseInt(group, 16), 2 * index));
  last.forEach((group, index) => {
    bytes.writeUInt16BE(Number.parseInt(group, 16), 16 - 2 * (last.length - index));
  });
  return bytes;
}

/** What is kept of earlier ones: more peers than that are looked at anew. */
const MAX_KNOWN = 1024;

/** Endpoints by what the system says of them, made once each. */
export class Endpoints {
  readonly #known = new Map<string, Map<number, Endpoint>>();

  of({ address, port }: Address): Endpoint {
    if (this.#known.size > MAX_KNOWN) this.#known.clear();
    const ports = this.#known.get(address) ?? new Map<number, Endpoint>();
    this.#known.set(address, ports);
    if (ports.size > MAX_KNOWN) ports.clear();
    const known = ports.get(port);
    if (known !== undefined) return known;
    const endpoint = { address: parseAddress(address), port };
    ports.set(port, endpoint);
    return endpoint;
  }
}
