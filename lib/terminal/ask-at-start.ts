import readlineSync from 'readline-sync';

/** What is wrong with an answer, in words for the person who gave it. */
export class WrongAnswer extends Error {}

/** A question whose answer must make sense. */
export interface StartQuestion<Answer> {
  readonly text: string;
  /** @throws WrongAnswer */
  readonly parse: (answer: string) => Answer;
}

/**
 * Asks in the terminal until the answer makes sense. Everything else stands still meanwhile, so
 * it is for the start of a program only, when nothing else goes on.
 */
export function askAtStart<Answer>(question: StartQuestion<Answer>): Answer {
  for (;;) {
    const answer = readlineSync.question(`${question.text} `);
    try {
      return question.parse(answer.trim());
    } catch (error) {
      if (!(error instanceof WrongAnswer)) throw error;
      process.stdout.write(`${error.message}\n`);
    }
  }
}

/** Asks for what nobody may read over the shoulder: what is typed does not appear. */
export function askHiddenAtStart(text: string): string {
  const { stdin } = process;
  // Before the question is seen: an answer that comes at once must not appear either.
  if (stdin.isTTY) stdin.setRawMode(true);
  try {
    return readlineSync.question(`${text} `, { hideEchoBack: true, mask: '' });
  } finally {
    if (stdin.isTTY) stdin.setRawMode(false);
  }
}
