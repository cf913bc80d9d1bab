/** `butil -log`: the transaction log of an engine root: what it has, who needs it, and giving that up. */
import { resolve } from 'node:path';
import {
  listRootLog,
  planRootRelease,
  type ListedFile,
  type ListedSegment,
  type LogListing,
  type LostChanges,
  type ReleasePlan,
} from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { counted, grouped } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export async function command(session: Session): Promise<Outcome> {
  const { root } = chooseRoot(session.value('root'), session.console);
  const what = session.optional(0)?.toLowerCase() ?? 'list';
  const file = session.optional(1);
  if (what === 'list') {
    if (file !== undefined) throw session.wrong(`list takes nothing more: ${file}`);
    return list(root);
  }
  if (what !== 'release') throw session.wrong(`${what} is neither list nor release`);
  if (file === undefined) throw session.wrong('release needs a file');
  return release(session, root, file);
}

function list(root: string): Outcome {
  const listing = listRootLog({ root });
  const { problems, strangers } = listing;
  const warnings = [
    ...problems.map((problem) => `Damaged or missing: ${problem}.`),
    ...strangers.map((path) => `${path} is not of this log.`),
  ];
  const text = describe(listing);
  if (problems.length === 0) return done(text, listing, warnings);
  return { exitCode: EXIT.FINDINGS, reason: 'damaged', result: listing, text, warnings };
}

function describe(listing: LogListing): string {
  const { root, directory, log, session, isInUse, isClean, segments, files } = listing;
  if (log === undefined) return `Nothing was ever logged at ${root}.`;
  const needing = files.filter(({ neededFrom }) => neededFrom !== undefined);
  const bytes = segments.reduce((sum, { size }) => sum + size, 0);
  const state = isInUse ? 'in use by an engine' : isClean ? 'closed cleanly' : 'not closed cleanly';
  return [
    `Log:       ${log}, session ${session}, ${state}`,
    `Directory: ${directory}`,
    '',
    `${counted(segments.length, 'segment')}, ${grouped(bytes)} bytes`,
    ...segments.map(segmentLine),
    '',
    `${counted(needing.length, 'file')} ${needing.length === 1 ? 'needs' : 'need'} the log`,
    ...needing.map(fileLine),
    ...advice(needing),
  ].join('\n');
}

function segmentLine(segment: ListedSegment): string {
  const { name, session, firstLsn, lastLsn, size, usedBytes, createdAt, neededBy } = segment;
  const range =
    lastLsn === undefined ? `from LSN ${firstLsn}, empty` : `LSN ${firstLsn} to ${lastLsn}`;
  const needed = neededBy === 0 ? 'not needed' : `needed by ${counted(neededBy, 'file')}`;
  return (
    `  ${name}  session ${session}, ${range}, ${grouped(usedBytes)} of ${grouped(size)} bytes, ` +
    `begun ${createdAt}, ${needed}`
  );
}

const STANDINGS: Readonly<Record<string, string>> = {
  waits: 'not opened since a crash',
  open: 'open',
  older: 'an older copy is in its place',
  gone: 'gone',
  replaced: 'another file is in its place',
  unreadable: 'cannot be looked at',
};

function fileLine({ file, standing, neededFrom, message }: ListedFile): string {
  const more = message === undefined ? '' : ` (${message})`;
  return `  ${file}  from LSN ${neededFrom ?? ''}, ${STANDINGS[standing] ?? standing}${more}`;
}

function advice(needing: readonly ListedFile[]): string[] {
  const has = (...standings: string[]) =>
    needing.some(({ standing }) => standings.includes(standing));
  return [
    ...(has('waits') ? ['', 'butil -recoverall opens the files that were not opened.'] : []),
    ...(has('gone', 'replaced', 'older', 'unreadable')
      ? ['', 'butil -log release file --yes gives up what the log has for a file.']
      : []),
  ];
}

async function release(session: Session, root: string, file: string): Promise<Outcome> {
  const { dryRun } = session;
  const path = resolve(file);
  // Told before it is done, and before anybody is asked.
  const plan =
    (await byEngine(session, { file: path, dryRun: true })) ?? planRootRelease({ root }, path);
  if (dryRun) return planned(plan);
  const question = `${describeLoss(plan)}\nGive that up for good?`;
  if (!(await session.mayReplace(question, false))) {
    const text = [describeLoss(plan), 'Nothing was changed; --yes gives that up for good.'];
    const result = { dryRun, released: false, ...plan };
    return { exitCode: EXIT.NOT_DONE, reason: 'not-confirmed', result, text: text.join('\n') };
  }
  const owner = await session.owner(0, file);
  const given =
    (await byEngine(session, { file: path, owner })) ??
    (await session.engine()).release(path, { owner });
  const text = `${describeLoss(given)}\nIt was given up.`;
  return done(text, { dryRun, released: true, ...given });
}

/** By the engine of the root, whoever has the file: the log that is meant is its. Undefined if none runs there. */
function byEngine(
  session: Session,
  args: Readonly<Record<string, unknown>>,
): Promise<ReleasePlan | undefined> {
  return session.byRunning<ReleasePlan>([], 'release', args);
}

function planned(plan: ReleasePlan): Outcome {
  const text = `${describeLoss(plan)}\nNothing was changed.`;
  return done(text, { dryRun: true, released: false, ...plan });
}

const KINDS: Readonly<Record<ReleasePlan['kind'], string>> = {
  held: 'The log of this root has changes of the file that it does not have.',
  'held-elsewhere': 'The log of another root has changes of the file that it does not have.',
  older: 'The file is an older copy; the log has changes of the one that was in its place.',
  gone: 'The file that the log has changes of is no more.',
};

function describeLoss({ file, kind, root, lost }: ReleasePlan): string {
  return [
    `File:         ${file}`,
    `Log of:       ${root}`,
    KINDS[kind],
    `What is lost: ${lossText(lost)}`,
    ...lost.problems.map((problem) => `  cannot be read: ${problem}`),
  ].join('\n');
}

function lossText({ fromLsn, toLsn, transactions, changes, isAll }: LostChanges): string {
  if (toLsn === undefined && !isAll)
    return `everything from LSN ${fromLsn} on; how much is not known`;
  if (transactions === 0 && isAll) return 'nothing that the log can be read to have';
  const least = isAll ? '' : 'at least ';
  return (
    `${least}${counted(transactions, 'transaction')} with ${counted(changes, 'change')}, ` +
    `LSN ${fromLsn} to ${toLsn ?? '?'}${isAll ? '' : ', and what cannot be read'}`
  );
}
