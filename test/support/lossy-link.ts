import type { FateOf } from '../../lib/lab/faults.ts';
import { LinkDriver } from '../../lib/net/link-driver.ts';

/** A path to a server on this machine, on which `fateOf` decides about the parts. */
export function lossyLink(
  serverPort: number,
  fateOf: FateOf,
  onDropped: (seq: number, nth: number) => void = () => undefined,
): Promise<LinkDriver> {
  return LinkDriver.start({
    server: { host: '127.0.0.1', port: serverPort },
    ways: { client: { fateOf } },
    onDecision: ({ seq = -1, nth, fate }) => {
      if (fate.length === 0) onDropped(seq, nth);
    },
  });
}
