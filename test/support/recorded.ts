import { join } from 'node:path';
import { Recorder, type TcpRecord } from '../../lib/capture/recorder.ts';
import { TemporaryFolder } from '../app/folders.ts';

export const HERE = '192.0.2.1';
export const THERE = '192.0.2.2';

export interface Recording {
  readonly folder: TemporaryFolder;
  readonly file: string;
}

/** A capture of what is told to it, between {@link HERE} and {@link THERE}. */
export async function record(
  tell: (tell: {
    /** A connection to that port; it ends with the capture. */
    tcp: (port: number) => TcpRecord;
    /** One that was opened from there, to a port of this side. */
    called: (port: number) => TcpRecord;
    udp: (port: number, bytes: Buffer) => void;
    /** One that comes from there, or from another host. */
    came: (from: number, to: number, bytes: Buffer, host?: string) => void;
  }) => void,
): Promise<Recording> {
  const folder = await TemporaryFolder.create();
  const file = join(folder.path, 'recorded.pcapng');
  const recorder = new Recorder({
    ...{ path: file, limit: 1e9, application: 'test', interfaceOf: () => 'lo' },
    onStopped: (reason) => {
      throw new Error(reason);
    },
  });
  let connections = 0;
  const open: TcpRecord[] = [];
  const connect = (by: 'in' | 'out', port: number): TcpRecord => {
    const [own, its] = by === 'out' ? [40_000 + connections, port] : [port, 40_000 + connections];
    const one = recorder.tcp({ address: HERE, port: own }, { address: THERE, port: its }, by);
    connections += 1;
    open.push(one);
    return one;
  };
  tell({
    tcp: (port) => connect('out', port),
    called: (port) => connect('in', port),
    udp: (port, bytes) =>
      recorder.udp('out', { address: HERE, port }, { address: THERE, port }, bytes),
    came: (from, to, bytes, address = THERE) =>
      recorder.udp('in', { address: HERE, port: to }, { address, port: from }, bytes),
  });
  for (const one of open) one.closed();
  recorder.close();
  return { folder, file };
}
