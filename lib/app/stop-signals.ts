/** What ends a program: Ctrl-C, `kill`, and the terminal that is closed. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What ends a grading: Ctrl-\ as well, as nothing may stay behind. */
export const GRADING_SIGNALS = [...STOP_SIGNALS, 'SIGQUIT'] as const;

/** Calls `stop` at the first of each of them, in place of what the system would do. */
export function onStopSignal(stop: () => void): void {
  for (const signal of STOP_SIGNALS) process.once(signal, stop);
}
