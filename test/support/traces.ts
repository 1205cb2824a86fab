import { packetsOf } from '../../lib/app/capture-packets.ts';
import { type ClassroomEvent, ClassroomReader } from '../../lib/lab/classroom-reader.ts';
import { type DownloadTrace, traceDownloads } from '../../lib/lab/download-trace.ts';

/** The downloads of a capture. */
export function tracesOf(file: string): DownloadTrace[] {
  function* events(): Generator<ClassroomEvent> {
    const reader = new ClassroomReader();
    for (const packet of packetsOf(file)) yield* reader.push(packet);
    yield* reader.end();
  }
  return traceDownloads(events());
}
