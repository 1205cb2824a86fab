import { readFrames } from '../../lib/capture/capture-file.ts';
import { Decoder } from '../../lib/capture/decode.ts';
import { type ClassroomEvent, ClassroomReader } from '../../lib/lab/classroom-reader.ts';
import { type DownloadTrace, traceDownloads } from '../../lib/lab/download-trace.ts';

/** The downloads of a capture. */
export function tracesOf(file: string): DownloadTrace[] {
  function* events(): Generator<ClassroomEvent> {
    const decoder = new Decoder();
    const reader = new ClassroomReader();
    for (const frame of readFrames(file)) {
      const packet = decoder.decode(frame);
      if (packet !== undefined) yield* reader.push(packet);
    }
    yield* reader.end();
  }
  return traceDownloads(events());
}
