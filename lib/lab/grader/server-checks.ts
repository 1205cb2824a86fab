import { CONNECTING } from './server/connecting.ts';
import { DISCONNECTING } from './server/disconnecting.ts';
import { DOWNLOADING } from './server/downloading.ts';
import { LEAVING } from './server/leaving.ts';
import { LISTS } from './server/lists.ts';
import { MESSAGES } from './server/messages.ts';
import { PAUSING } from './server/pausing.ts';
import { RESENDING } from './server/resending.ts';
import { ROBUSTNESS } from './server/robustness.ts';
import { SEVERAL_CLIENTS } from './server/several-clients.ts';
import { STARTING } from './server/starting.ts';
import type { ServerCheck } from './server-bench.ts';

/** All checks of a server, in the order in which they are done. */
export const SERVER_CHECKS: readonly ServerCheck[] = [
  ...STARTING,
  ...CONNECTING,
  ...DISCONNECTING,
  ...LISTS,
  ...MESSAGES,
  ...DOWNLOADING,
  ...PAUSING,
  ...RESENDING,
  ...SEVERAL_CLIENTS,
  ...ROBUSTNESS,
  ...LEAVING,
];
