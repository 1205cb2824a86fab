import { systemCode } from '../core/errors.ts';
import { visible } from '../core/text.ts';
import type { PartialFile } from '../storage/partial-file.ts';
import { nameProblem, safeName } from '../storage/safe-name.ts';
import type { Dialogue } from '../terminal/dialogue.ts';

/**
 * Asks for the name of a file that has come, and gives it. What is there under that name is
 * overwritten only after a yes.
 * @returns whether the file got a name; otherwise it stays a partial one.
 */
export async function nameFile(
  dialogue: Dialogue,
  partial: PartialFile,
  file: string,
  options: { readonly yes: boolean },
): Promise<boolean> {
  const usual = safeName(file);
  let ask = !options.yes;
  for (;;) {
    const answer = ask ? await dialogue.askBetween(`New file name (empty: ${usual}):`) : '';
    const ended = answer === undefined;
    const name = answer?.trim() || usual;
    const problem = nameProblem(name);
    if (problem !== undefined) {
      dialogue.print(`Not saved yet: ${problem}.`);
      continue;
    }
    const saved = await save(dialogue, partial, name, ended);
    if (saved !== undefined) {
      dialogue.print(`Saved as ${visible(saved)}.`);
      return true;
    }
    if (ended) {
      await partial.keep();
      dialogue.print(`${name} is there already; what came is kept in ${visible(partial.path)}.`);
      return false;
    }
    ask = true;
  }
}

/** Saves under `name`; `undefined` when it is taken and is to stay as it is. */
async function save(
  dialogue: Dialogue,
  partial: PartialFile,
  name: string,
  ended: boolean,
): Promise<string | undefined> {
  try {
    return await partial.finish(name, { overwrite: false });
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
  }
  if (ended) return undefined;
  const answer = await dialogue.askBetween(`${name} is there already. Overwrite it (yes/no)?`);
  const yes = /^y(es)?$/i.test(answer?.trim() ?? '');
  return yes ? partial.finish(name, { overwrite: true }) : undefined;
}
