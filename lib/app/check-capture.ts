import { Recorder } from '../capture/recorder.ts';
import { interfaceOf } from '../net/addresses.ts';
import { recordTo } from '../net/tap.ts';

/** Bytes of the capture of one check, at most: whatever a program floods. */
const LIMIT_BYTES = 32 * 2 ** 20;

/** Records what goes over the wire from now on, until it is stopped. */
export function recordChecks(path: string): { readonly stop: () => void } {
  const recorder = new Recorder({
    ...{ path, interfaceOf, limit: LIMIT_BYTES, application: 'wirelab check' },
    onStopped: () => recordTo(undefined),
  });
  recordTo(recorder);
  return {
    stop: () => {
      recordTo(undefined);
      recorder.close();
    },
  };
}
