import { type Millis, millis } from '../core/brands.ts';

/** What a rule does to the sendings that it names. */
export type RuleAction =
  | { readonly type: 'drop' }
  | { readonly type: 'duplicate' }
  /** Flips a byte: the one with this number, or one by chance. */
  | { readonly type: 'corrupt'; readonly at?: number }
  /** Leaves this many bytes of the datagram, or a number by chance. */
  | { readonly type: 'truncate'; readonly to?: number }
  | { readonly type: 'delay'; readonly by: Millis };

/** One exact wish, like `drop seq=7 times=2`. */
export interface FaultRule {
  readonly action: RuleAction;
  /** Parts from `first` to `last`, by number; `last` stands for the last part of the file. Absent: all. */
  readonly parts?: readonly PartRange[];
  /** Only each n-th part: with 3 these are 2, 5, 8 and so on. */
  readonly every?: number;
  /** Only the first so many sendings of each part; absent: all of them. */
  readonly times?: number;
  /** As it was written, for those who read what it has done. */
  readonly text: string;
}

export interface PartRange {
  readonly first: number | 'last';
  readonly last: number | 'last';
}

/** What a rule can look like, for people who got it wrong. */
export const RULE_FORM =
  'drop, duplicate, corrupt [at=BYTE], truncate [to=BYTES] or delay by=MS, then any of ' +
  'seq=7, seq=2,5-9, seq=last, every=3, times=2';

/** @throws Error that says what is wrong with it. */
export function parseRule(text: string): FaultRule {
  const [verb = '', ...words] = text.trim().split(/\s+/);
  const values = new Map<string, string>();
  for (const word of words) {
    const [key = '', value] = splitAtFirst(word, '=');
    if (value === undefined || values.has(key)) throw wrong(text, `'${word}' is not understood`);
    values.set(key, value);
  }
  const take = (key: string): string | undefined => {
    const value = values.get(key);
    values.delete(key);
    return value;
  };
  const number = (key: string, least: number): number | undefined => {
    const value = take(key);
    if (value === undefined) return undefined;
    if (!/^\d{1,9}$/.test(value) || Number(value) < least) {
      throw wrong(text, `${key} is a number from ${least} on`);
    }
    return Number(value);
  };
  const action = ((): RuleAction => {
    switch (verb) {
      case 'drop':
      case 'duplicate':
        return { type: verb };
      case 'corrupt':
        return { type: verb, ...present('at', number('at', 0)) };
      case 'truncate':
        return { type: verb, ...present('to', number('to', 0)) };
      case 'delay': {
        const by = number('by', 1);
        if (by === undefined) throw wrong(text, 'by how many milliseconds? (by=50)');
        return { type: verb, by: millis(by) };
      }
      default:
        throw wrong(text, `'${verb}' is no such thing`);
    }
  })();
  const rule: FaultRule = {
    action,
    ...present('parts', parseParts(text, take('seq'))),
    ...present('every', number('every', 1)),
    ...present('times', number('times', 1)),
    text: text.trim().replaceAll(/\s+/g, ' '),
  };
  const [unknown] = values.keys();
  if (unknown !== undefined) throw wrong(text, `'${unknown}' does not go with ${verb}`);
  return rule;
}

/**
 * Whether it is about the n-th sending of a part.
 * @param last the number of the last part of the file, if it is known.
 */
export function ruleApplies(rule: FaultRule, seq: number, nth: number, last?: number): boolean {
  const { parts, every, times } = rule;
  if (times !== undefined && nth > times) return false;
  if (every !== undefined && seq % every !== every - 1) return false;
  if (parts === undefined) return true;
  const place = (end: number | 'last'): number | undefined => (end === 'last' ? last : end);
  return parts.some((range) => {
    const [from, to] = [place(range.first), place(range.last)];
    return from !== undefined && to !== undefined && seq >= from && seq <= to;
  });
}

function parseParts(rule: string, text: string | undefined): PartRange[] | undefined {
  return text?.split(',').map((item) => {
    const ends = item.split('-').map((end) => {
      if (end === 'last') return end;
      if (!/^\d{1,10}$/.test(end)) throw wrong(rule, `'${item}' is no part`);
      return Number(end);
    });
    const [first, last = first] = ends;
    const isBackwards = typeof first === 'number' && typeof last === 'number' && last < first;
    if (first === undefined || last === undefined || ends.length > 2 || isBackwards) {
      throw wrong(rule, `'${item}' is no range of parts`);
    }
    return { first, last };
  });
}

function present<Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { [K in Key]?: Value } {
  return value === undefined ? {} : ({ [key]: value } as { [K in Key]: Value });
}

function splitAtFirst(text: string, separator: string): [string, string | undefined] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, undefined] : [text.slice(0, at), text.slice(at + separator.length)];
}

function wrong(rule: string, why: string): Error {
  return new Error(`the rule '${rule}' is not understood: ${why}. A rule is ${RULE_FORM}.`);
}
