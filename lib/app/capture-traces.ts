import { type ClassroomEvent, ClassroomReader } from '../lab/classroom-reader.ts';
import { type DownloadTrace, traceDownloads } from '../lab/download-trace.ts';
import { packetsOf } from './capture-packets.ts';

/**
 * The downloads of the classroom protocol that a capture shows.
 * @param areTold the comments of the capture say which parts were lost
 * @throws UserError when it cannot be read
 */
export function tracesOf(capture: string, areTold = false): DownloadTrace[] {
  const reader = new ClassroomReader();
  function* events(): Generator<ClassroomEvent> {
    for (const packet of packetsOf(capture)) yield* reader.push(packet);
    yield* reader.end();
  }
  return traceDownloads(events(), areTold);
}
