import { formatBytes, visible } from '../core/text.ts';
import type { SentPeerOptions } from '../net/sent-peer.ts';
import type { FileInfo } from '../sent/messages.ts';
import { prepareToHash } from '../storage/file-hash.ts';
import { ReceivedFile } from './received-file.ts';
import type { Shares } from './shares.ts';

export interface SentInboxOptions {
  /** An absolute path. */
  readonly folder: string;
  readonly shares: Shares;
  readonly isWanted: (question: string, expired: AbortSignal) => Promise<boolean>;
  readonly onSaved: (path: string) => void;
  /** @param wanted whether the user had said yes. */
  readonly onFailed: (what: string, wanted: boolean) => void;
}

/** What a peer does with files that others offer. */
export function sentInbox(
  options: SentInboxOptions,
): Pick<SentPeerOptions, 'decide' | 'openSink' | 'onReceived'> {
  const { folder, shares, isWanted, onSaved, onFailed } = options;
  const wanted = new WeakSet<FileInfo>();
  prepareToHash();
  return {
    decide: async ({ name, ip }, file, expired) => {
      const what = `${visible(file.name)} (${formatBytes(file.size)})`;
      const yes = await isWanted(`${visible(name)} (${ip}) offers ${what}. Take it?`, expired);
      if (yes) wanted.add(file);
      return yes;
    },
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
        cancel: () => sink.cancel(),
        end: async () => {
          share.end();
          await sink.end();
          if (sink.path !== undefined) onSaved(sink.path);
        },
      };
    },
    onReceived: ({ name }, file, problem) => {
      if (problem === undefined || problem === 'refused') return;
      const what = `${visible(file.name)} of ${visible(name)}`;
      onFailed(`${what} was not received: ${visible(problem)}.`, wanted.has(file));
    },
  };
}
