/** A write that has come so long after the one before is another message, in wall time. */
const APART_MS = 20;
/** A list of numbers is as long as that at most. */
const MOST_QUESTION = 65_536;
/** No message ends with what stands between two things. */
const GOES_ON = /[\s|,;]$/;

/** What came from a program and was not taken yet: the end of it, when it is too much. */
export class HeardText {
  readonly #most: number;
  #text = '';
  /** Where in it something came after a while, in order. */
  #starts: number[] = [];
  #lastTime = Number.NEGATIVE_INFINITY;

  /** @param most characters that are kept */
  constructor(most: number) {
    this.#most = most;
  }

  /** All of it. */
  get text(): string {
    return this.#text;
  }

  /** What came up to the first pause, where there was one; `undefined`: none yet. */
  get beforePause(): string | undefined {
    const [end] = this.#starts;
    return end === undefined ? undefined : this.#text.slice(0, end);
  }

  /** @param time of the wall, in milliseconds: how long the program could run meanwhile makes no two messages one */
  push(chunk: string, time: number): void {
    const start = this.#text.length;
    const isApart = time - this.#lastTime >= APART_MS && !GOES_ON.test(this.#text);
    if (start > 0 && isApart) this.#starts.push(start);
    this.#lastTime = time;
    this.#text += chunk;
    this.take(Math.max(0, this.#text.length - this.#most));
  }

  /** The first so many characters are done with. */
  take(length: number): void {
    this.#text = this.#text.slice(length);
    this.#starts = this.#starts.map((at) => at - length).filter((at) => at > 0);
  }
}

/**
 * What a client says in a download, where nothing ends its messages and several may have come as one: numbers,
 * `proceed` and `stop`.
 * @param count of the parts: a number that is far too large is the last of a list and the first of the next
 */
export function wordsOf(message: string, count: number): readonly string[] {
  const text = message.trim();
  if (!/^(?:proceed|stop|[\d\s,;|[\]()])+$/.test(text)) return [text];
  const words = text.match(/proceed|stop|[\d\s,;|[\]()]+/g) ?? [];
  return words.flatMap((word) => listsOf(word, count));
}

/** A word before it, like `port|40001`: the document does not say how it is told. */
const NAMED_ADDRESS = /^\s*([A-Za-z_-]{1,16})[\s|:=]+(\d.*)$/s;

/** Where a client wants its parts: `PORT` or `IP|PORT`. */
export interface ToldAddress {
  readonly host?: string;
  readonly digits: string;
  /** What has come with it, where nothing separates them: `stop` for an empty file. */
  readonly word?: 'stop';
}

/**
 * The port that a client tells, and its own address if it does. Where nothing separates them, the first re-request may
 * have come with it: for all parts, as none has been sent. Of an empty file nothing is waited for before `stop`.
 */
export function addressIn(message: string): ToldAddress | undefined {
  const [, before = '', rest = message] = NAMED_ADDRESS.exec(message) ?? [];
  if (COMMAND.test(before)) return undefined;
  const [, host, digits, word] =
    /^\s*(?:([\d.]+)\|)?(\d{1,5})\s*(stop)?\s*$/.exec(rest) ??
    /^\s*(?:([\d.]+)\|)?(\d{4,5})0+(?:[\s,|]+1[\s,|\d]*)?$/.exec(rest) ??
    [];
  if (digits === undefined) return undefined;
  return { digits, ...(host !== undefined && { host }), ...(word === 'stop' && { word }) };
}

/** A word at most, and then numbers and what stands between them, like `missing|3|17` or `[3, 17]`. */
const QUESTION = /^["'{[(\s]*([A-Za-z_-]*)["':\s|,;=([{]*\d[\d\s,;|[\](){}]*$/;
const COMMAND = /^(?:connect|disconnect|get_users|get_list_file|msg|msg_all|download)$/;

/**
 * What a client asks for in a message that asks for parts: the document does not say how it is written.
 * @returns `undefined` for anything else
 */
export function questionIn(
  text: string,
): { readonly word: string; readonly seqs: readonly number[] } | undefined {
  const [, word] = QUESTION.exec(text.slice(0, MOST_QUESTION)) ?? [];
  if (word === undefined || COMMAND.test(word)) return undefined;
  return { word, seqs: (text.match(/\d+/g) ?? []).map(Number) };
}

/** Lists of numbers that have come as one. */
function listsOf(word: string, count: number): string[] {
  const most = String(count).length;
  const isPart = (digits: string): boolean =>
    String(Number(digits)) === digits && Number(digits) < count;
  const marked = word.replace(/\d+/g, (digits) => {
    if (digits.length <= most || digits.length > 2 * most) return digits;
    const ends = Array.from({ length: digits.length - 1 }, (_, at) => at + 1);
    const fits = ends.filter((end) => isPart(digits.slice(0, end)) && isPart(digits.slice(end)));
    const [end] = fits;
    return end === undefined ? digits : `${digits.slice(0, end)}\n\n${digits.slice(end)}`;
  });
  return marked.split('\n\n');
}
