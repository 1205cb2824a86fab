import { type Report, Reports } from '../lanshare/reports.ts';
import { Alarm, now } from './clock.ts';

/** Tells how far one transfer is, at the times that {@link Reports} names. */
export class TransferReports {
  readonly #tell: (report: Report) => void;
  readonly #alarm = new Alarm(() => this.#onAlarm());
  #reports = new Reports(0, now());

  constructor(tell: (report: Report) => void) {
    this.#tell = tell;
  }

  get last(): Report {
    return this.#reports.last;
  }

  start(offset: number): void {
    this.#reports = new Reports(offset, now());
    this.#alarm.set(this.#reports.nextTimeout());
  }

  moved(current: number): void {
    this.#reports.moved(current);
  }

  stop(): void {
    this.#alarm.clear();
  }

  #onAlarm(): void {
    const report = this.#reports.onTimeout(now());
    this.#alarm.set(this.#reports.nextTimeout());
    if (report !== undefined) this.#tell(report);
  }
}
