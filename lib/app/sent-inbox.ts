import { formatBytes, visible } from '../core/text.ts';
import type { SentPeerOptions } from '../net/sent-peer.ts';
import { ReceivedFile } from './received-file.ts';
import type { Shares } from './shares.ts';

export interface SentInboxOptions {
  /** An absolute path. */
  readonly folder: string;
  readonly shares: Shares;
  readonly isWanted: (question: string, expired: AbortSignal) => Promise<boolean>;
  readonly onSaved: (path: string) => void;
  readonly onFailed: (what: string) => void;
}

/** What a peer does with files that others offer. */
export function sentInbox(
  options: SentInboxOptions,
): Pick<SentPeerOptions, 'decide' | 'openSink' | 'onReceived'> {
  const { folder, shares, isWanted, onSaved, onFailed } = options;
  return {
    decide: ({ name, ip }, { name: file, size }, expired) =>
      isWanted(
        `${visible(name)} (${ip}) offers ${visible(file)} (${formatBytes(size)}). Take it?`,
        expired,
      ),
    openSink: async ({ name }, file) => {
      const share = shares.begin(`${file.name} of ${name}`, file.size);
      const sink = await ReceivedFile.open(folder, file, share.update).catch((error: unknown) => {
        share.end();
        throw error;
      });
      return {
        offset: sink.offset,
        beginAnew: () => sink.beginAnew(),
        write: (chunk) => sink.write(chunk),
        finish: () => sink.finish(),
        end: async () => {
          share.end();
          await sink.end();
          if (sink.path !== undefined) onSaved(sink.path);
        },
      };
    },
    onReceived: ({ name }, { name: file }, problem) => {
      if (problem === undefined || problem === 'refused') return;
      onFailed(`${visible(file)} of ${visible(name)} was not received: ${visible(problem)}.`);
    },
  };
}
