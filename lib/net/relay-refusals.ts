import { assertNever } from '../core/errors.ts';
import type { RelayError } from '../relay/messages.ts';

/** The server does not want it so. */
export class RefusedError extends Error {
  readonly refusal: RelayError;

  constructor(error: RelayError) {
    super(describeRefusal(error));
    this.refusal = error;
  }
}

/** For the person who wanted it. */
export function describeRefusal({ code, detail }: RelayError): string {
  const reason = detail === '' ? '' : ` (${detail})`;
  switch (code) {
    case 'ID_TAKEN':
      return `somebody is there under this name already${reason}`;
    case 'AUTHENTICATION_FAILED':
      return `the server does not know this name with this key${reason}`;
    case 'NO_RECIPIENT':
      return `nobody of them wants it, or is there${reason}`;
    case 'SERVER_ERROR':
      return detail === '' ? 'the server cannot do it' : detail;
    case 'DENIED':
      return `the server denies it${reason}`;
    case 'BAD_LOG_IN':
    case 'BAD_SEND':
    case 'BAD_REQUEST':
    case 'UNKNOWN_COMMAND':
      return `the server did not understand${reason}`;
    default:
      return assertNever(code);
  }
}
