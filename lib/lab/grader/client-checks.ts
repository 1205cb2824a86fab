import { CONNECTING } from './client/connecting.ts';
import { DISCONNECTING } from './client/disconnecting.ts';
import { DOWNLOADING } from './client/downloading.ts';
import { LEAVING } from './client/leaving.ts';
import { LISTS } from './client/lists.ts';
import { MESSAGES } from './client/messages.ts';
import { PAUSING } from './client/pausing.ts';
import { RE_REQUESTING } from './client/re-requesting.ts';
import { ROBUSTNESS } from './client/robustness.ts';
import { STARTING } from './client/starting.ts';
import type { ClientCheck } from './client-bench.ts';

/** All checks of a client, in the order in which they are done. */
export const CLIENT_CHECKS: readonly ClientCheck[] = [
  ...STARTING,
  ...CONNECTING,
  ...DISCONNECTING,
  ...LISTS,
  ...MESSAGES,
  ...DOWNLOADING,
  ...PAUSING,
  ...RE_REQUESTING,
  ...ROBUSTNESS,
  ...LEAVING,
];
