import { type ClassroomEvent, ClassroomReader } from '../lab/classroom-reader.ts';
import { type DownloadTrace, traceDownloads } from '../lab/download-trace.ts';
import { packetsOf } from './capture-packets.ts';

/** The downloads of the classroom protocol that a capture shows. @throws UserError when it cannot be read. */
export function tracesOf(capture: string): DownloadTrace[] {
  const reader = new ClassroomReader();
  function* events(): Generator<ClassroomEvent> {
    for (const packet of packetsOf(capture)) yield* reader.push(packet);
    yield* reader.end();
  }
  return traceDownloads(events());
}
