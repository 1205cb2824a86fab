import { clearLine, cursorTo } from 'node:readline';
import type { WriteStream } from 'node:tty';
import type { BarPlace } from './progress.ts';

/** One line at the cursor of a terminal that is written anew again and again. */
export function statusLine(output: WriteStream): BarPlace {
  return {
    columns: output.columns,
    setStatus(text) {
      cursorTo(output, 0);
      clearLine(output, 1);
      if (text !== undefined) output.write(text);
    },
  };
}
