/**
 * The parts of wirelab that other programs can use: the classroom server and client on real
 * sockets, and the folders and files that they work with.
 *
 * @example A server on a port that the system chooses, and a download from it.
 * ```ts
 * import { ChatClientDriver, ChatServerDriver, PartialFile, SharedFolder } from 'wirelab';
 *
 * await using server = await ChatServerDriver.start({
 *   host: '127.0.0.1',
 *   ports: [0],
 *   folder: new SharedFolder('files'),
 *   room: { dialect: 'document' },
 *   onEvent: (event) => console.error(event.text),
 * });
 * ```
 *
 * @packageDocumentation
 */
export type { DownloadOutcome } from './commands/client-effects.ts';
export type { Dialect } from './commands/codec.ts';
export type { Framing } from './commands/framing.ts';
export type { ClientMessage } from './commands/messages.ts';
export type { RoomOptions } from './commands/room.ts';
export {
  ChatClientDriver,
  type ChatClientOptions,
} from './net/chat-client-driver.ts';
export {
  ChatServerDriver,
  type ChatServerDriverOptions,
  type ServedFile,
  type ServedFolder,
  type ServerEvent,
} from './net/chat-server-driver.ts';
export type { SegmentSink } from './net/segment-sink.ts';
export { PartialFile, type PartialFileOptions } from './storage/partial-file.ts';
export { safeName } from './storage/safe-name.ts';
export { SharedFile, SharedFolder } from './storage/shared-folder.ts';
export type { Receiver } from './udp-reliable/receiver.ts';
export { SEGMENT_PAYLOAD } from './udp-reliable/segment.ts';
