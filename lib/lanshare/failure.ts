import { firstCharacters } from '../core/text.ts';
import { statOfEvent } from './codec.ts';
import type { Event } from './messages.ts';

const MAX_REASON = 1024;

/** What goes before an event that says that something failed: it has no field for the reason. */
export function failureOf(event: Event, ip: string, dir: string, reason: string): Event {
  return {
    ...{ type: 'info', content: 'failure', about: statOfEvent(event) },
    ...{ ip, dir, reason: firstCharacters(reason, MAX_REASON) },
  };
}
