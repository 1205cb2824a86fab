/** What a program says to the script that ran it. */
export const EXIT = { done: 0, failed: 1, usage: 2, interrupted: 130 } as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** The program cannot do what it was asked to; the message is for the user, one line. */
export class UserError extends Error {}

/** It was called wrongly. */
export class UsageError extends UserError {}
