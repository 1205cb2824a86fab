/**
 * The parts of wirelab that other programs can use: servers, clients and peers of its protocols on real
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
export { Gate } from './isend/gate.ts';
export { FaultPlan, type Faults } from './lab/faults.ts';
export { linkWays } from './lab/link-ways.ts';
export { readScenario, type Scenario } from './lab/scenario.ts';
export { SCENARIOS } from './lab/scenarios.ts';
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
export type { OfferedSink } from './net/intake.ts';
export type { IncomingSink } from './net/isend-inbound.ts';
export { IsendReceiverDriver, type IsendReceiverOptions } from './net/isend-receiver-driver.ts';
export { IsendSenderDriver, type IsendSenderOptions } from './net/isend-sender-driver.ts';
export type { SourceFile, SourceItem } from './net/isend-source.ts';
export { LanshareEngine, type LanshareEngineOptions } from './net/lanshare-engine.ts';
export type { UploadFile } from './net/lanshare-upload.ts';
export { LinkDriver, type LinkOptions } from './net/link-driver.ts';
export { type OpenOffer, RelayClient, type RelayClientOptions } from './net/relay-client.ts';
export { type DownloadOptions, download as downloadFromRelay } from './net/relay-download.ts';
export { RelayServerDriver, type RelayServerOptions } from './net/relay-server-driver.ts';
export { type UploadOptions, upload as uploadToRelay } from './net/relay-upload.ts';
export type { SegmentSink } from './net/segment-sink.ts';
export { type OfferTo, SentPeer, type SentPeerOptions } from './net/sent-peer.ts';
export { IncomingTree, type IncomingTreeOptions } from './storage/incoming-tree.ts';
export { KeyHashes } from './storage/key-hash.ts';
export { OutgoingFile, walk } from './storage/outgoing-tree.ts';
export { PartialFile, type PartialFileOptions } from './storage/partial-file.ts';
export { safeName } from './storage/safe-name.ts';
export { SharedFile, SharedFolder } from './storage/shared-folder.ts';
export { TransferStore, type TransferStoreOptions } from './storage/transfer-store.ts';
export { UsersFile } from './storage/users-file.ts';
export type { Receiver } from './udp-reliable/receiver.ts';
export { SEGMENT_PAYLOAD } from './udp-reliable/segment.ts';
