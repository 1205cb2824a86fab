import type { Packet } from '../capture/decode.ts';
import type { FileEvent, FileReader } from './captured-files.ts';
import { ClassroomFiles } from './classroom-files.ts';
import { IsendFiles } from './isend-files.ts';
import { LanshareFiles } from './lanshare-files.ts';
import { RelayFiles } from './relay-files.ts';
import { SentFiles } from './sent-files.ts';
import { TcpFiles } from './tcp-files.ts';

/** What comes of files in a capture, by any of the protocols. Bytes are valid until the next event. */
export function* filesOf(packets: Iterable<Packet>): Generator<FileEvent> {
  const readers: readonly FileReader[] = [
    new ClassroomFiles(),
    new TcpFiles([new RelayFiles(), new IsendFiles(), new SentFiles(), new LanshareFiles()]),
  ];
  for (const packet of packets) for (const reader of readers) yield* reader.push(packet);
  for (const reader of readers) yield* reader.end();
}
