import { systemCode } from '../core/errors.ts';
import { formatEndpoint } from '../net/addresses.ts';
import type { Route } from './route.ts';

/** Why there is no connection, and what may help. */
export function describeConnectError(error: unknown, route: Route): string {
  const where = formatEndpoint(route.server, route.port);
  switch (systemCode(error)) {
    case 'ECONNREFUSED':
      return `No server listens on ${where}. Is it started, and is the port right?`;
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `There is no host ${route.server}.`;
    case 'EADDRNOTAVAIL':
    case 'EINVAL':
      return `From ${route.from} there is no way to ${where}: are both of one kind, IPv4 or IPv6?`;
    case 'ENETUNREACH':
    case 'EHOSTUNREACH':
      return `There is no way to ${where} from this machine.`;
    default: {
      const why = error instanceof Error ? error.message : String(error);
      return `No connection to ${where}: ${why}. A firewall may be in the way.`;
    }
  }
}
