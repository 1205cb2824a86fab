import { CaptureError, readFrames } from '../capture/capture-file.ts';
import { Decoder, type Packet } from '../capture/decode.ts';
import { systemCode } from '../core/errors.ts';
import { UserError } from './exit-status.ts';

/** What a capture carries over TCP and UDP. @throws UserError when it cannot be read. */
export function* packetsOf(capture: string): Generator<Packet> {
  const decoder = new Decoder();
  try {
    for (const frame of readFrames(capture)) {
      const packet = decoder.decode(frame);
      if (packet !== undefined) yield packet;
    }
  } catch (error) {
    if (error instanceof CaptureError) throw new UserError(`${capture}: ${error.message}`);
    if (systemCode(error) === undefined) throw error;
    throw new UserError(`${capture} cannot be read: ${(error as Error).message}`);
  }
}
