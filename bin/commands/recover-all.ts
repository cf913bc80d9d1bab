/** `butil -recoverall`: opens every file that the log has changes of, so that each gets them. */
import { listRootLog, type FileRecovery } from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { counted, grouped } from '../messages.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

/** With more of the log to be read, somebody wants to know before. */
const LONG = 64 * 1024 * 1024;
/** Bytes of log that are rolled forward in a second, at the least: a fifth of what is measured on two slow cores. */
const SLOWEST = 20 * 1024 * 1024;
const SHARES = 1000;

export async function command(session: Session): Promise<Outcome> {
  const { root } = chooseRoot(session.value('root'), session.console);
  const owner = await session.owner(0, 'the files');
  const { bytesToRecover, files } = listRootLog({ root });
  const waiting = files.filter(({ standing }) => standing === 'waits').length;
  if (bytesToRecover >= LONG || session.isVerbose) {
    const what = `${counted(waiting, 'file')} and ${grouped(bytesToRecover)} bytes of log`;
    const time = counted(Math.ceil(bytesToRecover / SLOWEST), 'second');
    session.console.err(`${what} are to be read: on a usual disk ${time} at the most.`);
  }
  const engine = await session.engine();
  const progress = session.progress('Recovering', 'thousandths');
  let results: FileRecovery[];
  try {
    results = engine.recoverAll({
      owner,
      onProgress: ({ done, files: all, share }) =>
        progress.tell(Math.floor((done + share) * SHARES), all * SHARES),
    });
  } finally {
    progress.end();
  }
  return outcome(root, results, bytesToRecover);
}

function outcome(root: string, files: readonly FileRecovery[], bytes: number): Outcome {
  const failed = files.filter((each) => each.outcome === 'not-recovered').length;
  const recovered = files.filter((each) => each.outcome === 'recovered').length;
  const lines = files.map(line);
  if (files.length === 0) lines.push(`No file is waiting for the log of ${root}.`);
  else lines.push('', `${counted(recovered, 'file')} rolled forward, ${failed} not.`);
  return {
    exitCode: failed === 0 ? EXIT.DONE : recovered === 0 ? EXIT.NOT_DONE : EXIT.FINDINGS,
    reason: failed === 0 ? 'done' : 'files-wait',
    status: files.find(({ status }) => status !== undefined)?.status ?? 0,
    result: { root, files, recovered, failed, bytes },
    text: lines.join('\n'),
    warnings: notes(files),
  };
}

function line(each: FileRecovery): string {
  const { file, outcome: what, transactions, changes, lsn = '', reason, message } = each;
  if (what === 'recovered') {
    const how = `${counted(transactions, 'transaction')} with ${counted(changes, 'change')}`;
    return `${file}: ${how}, up to LSN ${lsn}`;
  }
  if (what === 'nothing-to-do') return `${file}: has everything`;
  return `${file}: not rolled forward (${reason ?? 'failed'})${message === undefined ? '' : `: ${message}`}`;
}

function notes(files: readonly FileRecovery[]): string[] {
  const reasons = new Set(files.map(({ reason }) => reason));
  return [
    ...(reasons.has('owner') ? ['-O gives the owner name of protected files.'] : []),
    ...(['gone', 'replaced', 'older', 'log', 'damaged'].some((reason) => reasons.has(reason))
      ? ['butil -log release file --yes gives up what the log has for a file.']
      : []),
  ];
}
