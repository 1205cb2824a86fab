import { setImmediate as turn } from 'node:timers/promises';

/** The longest that anything is waited for; it ends what hangs, and says nothing about speed. */
const LIMIT_MS = 30_000;
const POLL_MS = 5;
/** So many looks come without a pause: most of what is waited for is there at once. */
const QUICK_LOOKS = 50;

/** Resolves once `condition` holds. @throws Error that names `what` when it never does. */
export async function until(
  what: string,
  condition: () => boolean | Promise<boolean>,
  limit = LIMIT_MS,
): Promise<void> {
  const deadline = performance.now() + limit;
  for (let looks = 0; !(await condition()); looks += 1) {
    if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
    if (looks < QUICK_LOOKS) await turn();
    else await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

/** Resolves when `value` has not changed for a while: for what cannot be asked whether it is done. */
export async function untilSteady(what: string, value: () => number): Promise<void> {
  let last = Number.NaN;
  let same = 0;
  await until(what, () => {
    const current = value();
    same = current === last ? same + 1 : 0;
    last = current;
    return same >= 2 * QUICK_LOOKS;
  });
}

/** Lets the event loop go round a few times, so that what has arrived is read. */
export async function loopTurns(count = 4): Promise<void> {
  for (let index = 0; index < count; index += 1) await turn();
}
