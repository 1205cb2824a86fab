import { clearScreenDown, cursorTo, moveCursor } from 'node:readline';
import type { WriteStream } from 'node:tty';
import type { BarPlace } from './progress.ts';

/** A place for a status, and for lines that stay above it. */
export interface StatusPlace extends BarPlace {
  print(text: string): void;
}

/** Lines at the cursor of a terminal that are written anew again and again. */
export function statusLine(output: WriteStream): StatusPlace {
  let rows = 0;
  let shown: string | undefined;
  const show = (text: string | undefined): void => {
    if (rows > 1) moveCursor(output, 0, 1 - rows);
    cursorTo(output, 0);
    clearScreenDown(output);
    shown = text;
    rows = text?.split('\n').length ?? 0;
    if (text !== undefined) output.write(text);
  };
  return {
    get columns() {
      return output.columns;
    },
    setStatus: show,
    print(text) {
      const status = shown;
      show(undefined);
      output.write(`${text}\n`);
      if (status !== undefined) show(status);
    },
  };
}
