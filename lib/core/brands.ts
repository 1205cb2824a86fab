declare const brand: unique symbol;
type Brand<Base, Name extends string> = Base & { readonly [brand]: Name };

/** A point in time or a span, in milliseconds of a clock that never goes back. */
export type Millis = Brand<number, 'Millis'>;
/** A TCP or UDP port that one can send to: 1 to 65535. */
export type Port = Brand<number, 'Port'>;

export function millis(value: number): Millis {
  return value as Millis;
}

/** The moment `span` after `start`. */
export function after(start: Millis, span: Millis): Millis {
  return (start + span) as Millis;
}

/** The earlier of two moments, either of which may be absent. */
export function earliest(a: Millis | undefined, b: Millis | undefined): Millis | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  return a < b ? a : b;
}

/** The port that `text` says in decimal, or `undefined` when it says none. */
export function parsePort(text: string): Port | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const value = Number(text);
  return value >= 1 && value <= 65_535 ? (value as Port) : undefined;
}
