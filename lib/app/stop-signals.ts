/** What ends a program: Ctrl-C, `kill`, and the terminal that is closed. */
export const STOP_SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** Calls `stop` at the first of each of them, in place of what the system would do. */
export function onStopSignal(stop: () => void): void {
  for (const signal of STOP_SIGNALS) process.once(signal, stop);
}
