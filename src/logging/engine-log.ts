/**
 * The log of an engine as its files use it: switched on or off, and who says so on disk.
 *
 * While nothing is logged, files say that nobody's log has changes of them; what the log still holds
 * from before is there for those that need it.
 */
import type { ChangeLog, LoggedFile } from '../microkernel/change-log.js';
import type { Holder } from '../microkernel/fcr.js';
import type { FileLog } from '../microkernel/files/file-table.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import { fileError } from '../microkernel/page-device.js';
import type { LogOfPages } from '../microkernel/page-file.js';
import type { EventLog } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { NO_LOG } from './holder.js';
import { rollForward, type RecoveryProgress, type RecoveryReport } from './recovery.js';
import type { TransactionLog } from './transaction-log.js';

export class EngineLog implements FileLog {
  readonly log: TransactionLog;
  isOn: boolean;
  /** What was done to files that were opened. */
  readonly reports: RecoveryReport[] = [];
  /** Told how far a file is, while it is rolled forward. */
  onProgress: RecoveryProgress | undefined;
  readonly #events: EventLog;
  readonly #unlogged: Holder;

  constructor(log: TransactionLog, isOn: boolean, root: string, events: EventLog) {
    this.log = log;
    this.isOn = isOn;
    this.#events = events;
    this.#unlogged = { log: NO_LOG, session: 0, root };
  }

  get changes(): ChangeLog | undefined {
    return this.isOn ? this.log : undefined;
  }

  readonly pages: LogOfPages = ((): LogOfPages => {
    const lastLsn = (): number => this.log.lastLsn;
    return {
      holder: () => (this.isOn ? this.log.holder() : this.#unlogged),
      get lastLsn() {
        return lastLsn();
      },
      makeDurable: (lsn) => {
        if (this.isOn) this.log.makeDurable(lsn);
      },
    };
  })();

  add(file: LoggedFile): void {
    this.log.add(file);
  }

  remove(file: LoggedFile): void {
    this.log.remove(file);
  }

  recover(file: OpenFile): void {
    try {
      const report = rollForward(file, this.log, this.#events, this.onProgress);
      if (report !== undefined) this.reports.push(report);
    } catch (cause) {
      const error = fileError('the log cannot be read', cause, file.pages.path);
      if (error instanceof BtrieveError) this.#tellFailure(file, error);
      throw error;
    }
  }

  #tellFailure({ pages }: OpenFile, { status, message }: BtrieveError): void {
    const fields = { file: pages.path, status };
    const text = `The file was not rolled forward: ${message}`;
    this.#events.write({ severity: 'E', id: 'file-not-recovered', fields, text });
  }
}
