/**
 * A peer did what its protocol does not allow, or asked for what cannot be had.
 * One table per protocol turns `code` into the reply that its document names.
 * Anything else that is thrown is a fault of ours.
 */
export class ProtocolError<Code extends string = string> extends Error {
  readonly code: Code;
  /** What the reply says besides the code, for example the name that is not online. */
  readonly detail: string;

  constructor(code: Code, detail = '') {
    super(detail === '' ? code : `${code}: ${detail}`);
    this.name = 'ProtocolError';
    this.code = code;
    this.detail = detail;
  }
}

/** The `code` of a Node.js system error such as `ENOSPC`, or `undefined`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** For the `default` of a `switch` over a union: the compiler proves it is never reached. */
export function assertNever(value: never): never {
  throw new Error(`unexpected value: ${JSON.stringify(value)}`);
}
