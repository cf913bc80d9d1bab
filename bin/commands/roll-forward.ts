/** `butil -rollfwd`: restored files are rolled forward by their archival logs. */
import { resolve } from 'node:path';
import type { RolledFile, RollForwardOptions, RollForwardResult } from '../../src/index.js';
import { listedFiles } from '../list-file.js';
import { counted, grouped } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import { ownerNames } from '../owner-names.js';
import type { Session } from '../session.js';

const LENGTH_LIMIT = 65_535;
const TIMELINE_LIMIT = 999_999_999;

export async function command(session: Session): Promise<Outcome> {
  const paths = listedFiles(session.operand(0));
  if (session.isSet('accept')) return accept(session, paths);
  const dump = dumpOf(session);
  const owners = await ownerNames(session);
  const until = session.value('until');
  const timeline = session.values('timeline').map((each) => timelineOf(session, each));
  const options: RollForwardOptions = {
    ...(until === undefined ? {} : { until }),
    logs: session.values('log').map((path) => resolve(path)),
    archiveOnly: session.isSet('archive-only'),
    upToDamage: session.isSet('up-to-damage'),
    ...(timeline.length === 0 ? {} : { timeline }),
    owners,
    goOn: session.isSet('A'),
    dryRun: session.dryRun,
    ...(dump === undefined ? {} : { dump }),
  };
  const files = paths.map((path) => resolve(path));
  const name = 'rollForward';
  const result =
    (await session.byRunning<RollForwardResult>(
      paths,
      name,
      { files, ...options },
      'Rolling forward',
    )) ??
    (await session.follow(
      'Rolling forward',
      (await session.engine()).rollForwardSteps(files, options),
    ));
  return outcome(result);
}

const NOT_WITH_ACCEPT = ['until', 'log', 'archive-only', 'up-to-damage', 'timeline', 'L', 'W'];

/** Nothing is rolled forward: what is there is what is wanted. */
async function accept(session: Session, paths: readonly string[]): Promise<Outcome> {
  const other = NOT_WITH_ACCEPT.find((name) => session.isSet(name));
  if (other !== undefined) {
    const name = other.length === 1 ? `-${other}` : `--${other}`;
    throw session.wrong(`--accept takes files as they are, and ${name} is about rolling forward`);
  }
  const [owner = ''] = await ownerNames(session);
  const files = paths.map((path) => resolve(path));
  for (const file of files) {
    if (session.dryRun) continue;
    const args = { file, owner };
    const answer = await session.byRunning<null>([file], 'acceptAsItIs', args);
    if (answer === undefined) (await session.engine()).acceptAsItIs(file, { owner });
  }
  const what = session.dryRun ? 'would be' : 'is';
  const lines = files.map((file) => `${file}: ${what} taken as it is`);
  const note = session.dryRun ? [] : ['A backup is due: their logs begin anew.'];
  return done([...lines, ...note].join('\n'), { dryRun: session.dryRun, accepted: files });
}

function timelineOf(session: Session, text: string): number {
  const value = /^\d{1,10}$/.test(text) ? Number(text) : NaN;
  if (value <= 0xffff_ffff) return value;
  return session.number(text, '--timeline', 0, TIMELINE_LIMIT);
}

function dumpOf(session: Session): RollForwardOptions['dump'] {
  const [only, beside] = [session.value('L'), session.value('W')];
  if (only !== undefined && beside !== undefined) {
    throw session.wrong('-L dumps and does no more, -W rolls forward too: give one of them');
  }
  const file = only ?? beside;
  const lengths = ['T', 'E'].map((name) => lengthOf(session, name));
  if (file === undefined) {
    const alone = ['T', 'E', 'H', 'V'].find((name) => session.isSet(name));
    if (alone === undefined) return undefined;
    throw session.wrong(`-${alone} is about the dump, which -L or -W asks for`);
  }
  const [dataLength = 0, keyLength = 0] = lengths;
  return {
    ...(file === '' ? {} : { file: resolve(file) }),
    only: only !== undefined,
    ...{ dataLength, keyLength, hex: session.isSet('H'), verbose: session.isSet('V') },
  };
}

function lengthOf(session: Session, name: string): number {
  const text = session.value(name);
  return text === undefined ? 0 : session.number(text, `-${name}`, 0, LENGTH_LIMIT);
}

function outcome(result: RollForwardResult): Outcome {
  const { files, target, dump } = result;
  const bad = files.filter(({ outcome: each }) => each === 'refused' || each === 'failed');
  const untried = files.filter(({ outcome: each }) => each === 'not-tried');
  const isAny = files.length > bad.length + untried.length;
  const text = [
    `Target: ${target.text}`,
    ...files.map((each) => line(each)),
    ...(files.length === 0 ? ['There is no archived file.'] : []),
    ...(dump === undefined ? [] : [`Dump: ${dump}`]),
  ];
  const exitCode = bad.length === 0 ? EXIT.DONE : isAny ? EXIT.FINDINGS : EXIT.NOT_DONE;
  return {
    exitCode,
    reason: bad[0]?.reason ?? (files.length === 0 ? 'no-files' : 'done'),
    status: bad[0]?.status ?? 0,
    result,
    text: text.join('\n'),
    warnings: files.flatMap(notes),
  };
}

function line(file: RolledFile): string {
  const { outcome: what, transactions, operations, structures, to } = file;
  const form = structures === 0 ? '' : `, ${counted(structures, 'change')} of its form`;
  const count = `${counted(transactions, 'transaction')} with ${counted(operations, 'operation')}${form}`;
  const end =
    to === undefined ? '' : `, up to ${to.time}${to.lsn ? `, transaction ${to.lsn}` : ''}`;
  switch (what) {
    case 'rolled-forward':
      return `${file.file}: ${count} applied${end}`;
    case 'planned':
      return `${file.file}: ${count}, ${grouped(file.bytes)} bytes, to be applied${end}`;
    case 'nothing-to-do':
      return `${file.file}: 0 applied, it ${file.leavesTimeline ? 'is there already' : 'has everything'}${end}`;
    case 'not-tried':
      return `${file.file}: not tried`;
    case 'refused':
    case 'failed':
      return [
        `${file.file}: not rolled forward (status ${file.status ?? 0}, ${file.reason ?? ''})`,
        `  ${plain(file.message ?? '')}`,
        ...reach(file),
      ].join('\n');
  }
}

/** A message without what its class has added. */
function plain(text: string): string {
  return text.replace(/(?:: \w+ E[A-Z]+)? \(status \d+, .*$/s, '');
}

function reach({ earliest, latest }: RolledFile): string[] {
  if (earliest === undefined || latest === undefined) return [];
  return [`  It can be had from ${earliest.time} to ${latest.time}.`];
}

function notes(rolled: RolledFile): string[] {
  const { file, participants, leavesTimeline, isAheadOfLog, createdAgain, tornLog, appended } =
    rolled;
  const created =
    createdAgain === undefined
      ? []
      : [`${file} is the file that was created over the restored one at ${createdAgain}.`];
  const others = participants.map(
    ({ file: other, transactions }) =>
      `${other} was changed by ${counted(transactions, 'transaction')} of ${file}, and is not rolled forward with it.`,
  );
  const left = leavesTimeline
    ? [`The log of ${file} goes on; written to, the file goes on in a history of its own.`]
    : [];
  const ahead = isAheadOfLog
    ? [`${file} has more than its archival log; make a new backup of it.`]
    : [];
  const torn =
    tornLog === undefined || appended > 0
      ? []
      : [
          `${tornLog.path} ends in the middle of an entry, at byte ${grouped(tornLog.offset)}: a crash leaves that, ` +
            'and so does a copy that is not whole.',
        ];
  return [...torn, ...created, ...others, ...left, ...ahead];
}
