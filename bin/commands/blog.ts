/** `butil -blog`: which data files are archived, and where to. No engine is needed. */
import {
  addToRootBlog,
  checkRootBlog,
  declareRootBackup,
  removeFromRootBlog,
  type BlogChange,
  type ArchiveChain,
  type BlogEntryReport,
  type BlogProblem,
  type BlogReport,
} from '../../src/index.js';
import { chooseRoot } from '../engine-for-command.js';
import { counted } from '../messages.js';
import { done, EXIT, type Outcome } from '../outcome.js';
import type { Session } from '../session.js';

export function command(session: Session): Outcome {
  const { root } = chooseRoot(session.value('root'), session.console);
  const what = session.optional(0)?.toLowerCase() ?? 'list';
  const file = session.optional(1);
  const copy = session.optional(2);
  if (what === 'list' || what === 'check') {
    if (file !== undefined) throw session.wrong(`${what} takes nothing more: ${file}`);
    return what === 'list' ? list(root) : check(root);
  }
  if (what !== 'add' && what !== 'remove' && what !== 'backed-up') {
    throw session.wrong(`${what} is none of add, remove, list, check and backed-up`);
  }
  if (file === undefined) throw session.wrong(`${what} needs a data file`);
  if (what === 'backed-up') return backedUp(session, root, file, copy);
  if (copy !== undefined) throw session.wrong(`${what} takes one data file: ${copy} is too much`);
  return what === 'add' ? add(session, root, file) : remove(session, root, file);
}

const OFF =
  'The setting archivalLoggingSelectedFiles is off, so blog.cfg has no effect: ' +
  'butil -config set archivalLoggingSelectedFiles=on';

function list(root: string): Outcome {
  const report = checkRootBlog({ root });
  const { isOn, places, problems } = report;
  const entries = report.entries.filter(({ counts }) => counts);
  const errors = problems.filter(isError).length;
  const warnings = [
    ...(isOn ? [] : [OFF]),
    ...(errors === 0
      ? []
      : [`${counted(errors, 'mistake')} in blog.cfg: butil -blog check says which.`]),
  ];
  const lines = entries.map(({ dataFile, logFile }) => `${dataFile} -> ${logFile}`);
  const files = places.filter(({ state }) => state === 'read').map(({ file }) => file);
  const text = entries.length === 0 ? `No file is archived by ${names(report)}.` : lines.join('\n');
  const archived = entries.map(({ dataFile, logFile }) => ({ dataFile, logFile }));
  return done(text, { root: report.root, isOn, files, archived }, warnings);
}

function isError({ severity }: BlogProblem): boolean {
  return severity === 'error';
}

function names({ places }: BlogReport): string {
  return places.map(({ file }) => file).join(', ');
}

function check(root: string): Outcome {
  const report = checkRootBlog({ root }, { readsLogs: true });
  const { isOn, entries, problems } = report;
  const errors = problems.filter(isError).length;
  const text = [...head(report), ...placesText(report), '', summary(report)].join('\n');
  const warnings = !isOn && entries.length > 0 ? [OFF] : [];
  if (errors === 0) return done(text, report, warnings);
  return { exitCode: EXIT.FINDINGS, reason: 'blog', result: report, text, warnings };
}

function head({ isOn, isRunning, root }: BlogReport): string[] {
  return [
    `Archival logging: ${isOn ? 'on' : 'off'} (setting archivalLoggingSelectedFiles)`,
    `Engine:           ${isRunning ? 'running' : 'not running'} at ${root}`,
  ];
}

const STATES = { read: '', gone: ' is not there, or empty' } as const;

function placesText({ places, entries, problems }: BlogReport): string[] {
  return places.flatMap(({ file, state }) => [
    `File:             ${file}${STATES[state]}`,
    ...partsOf(
      entries.filter((entry) => entry.file === file),
      problems.filter((problem) => problem.file === file),
    ),
  ]);
}

/** Entries and what is wrong, in the order of the file; what stands at one place is one part. */
function partsOf(entries: readonly BlogEntryReport[], problems: readonly BlogProblem[]): string[] {
  const parts = new Map<string, { line: number; column: number; text: string; more: string[] }>();
  const part = (line: number, column: number, text: string): string[] => {
    const key = `${line}:${column}`;
    const known = parts.get(key) ?? { line, column, text, more: [] };
    parts.set(key, known);
    return known.more;
  };
  for (const entry of entries) {
    part(entry.line, entry.column, entry.text).push(...entryLines(entry));
  }
  for (const { line, column, entry, severity, message, remedy } of problems) {
    part(line, column, entry).push(`  ${severity}: ${message}; ${remedy}`);
  }
  return [...parts.values()]
    .sort((one, other) => one.line - other.line || one.column - other.column)
    .flatMap(({ line, column, text, more }) => [
      '',
      `Line ${line}, column ${column}: ${text}`,
      ...more,
    ]);
}

function entryLines(entry: BlogEntryReport): string[] {
  const { counts, dataFile, logFile, isDataFileThere, isLogThere, chain } = entry;
  if (!counts) return [];
  return [
    `  data file:    ${dataFile}${isDataFileThere ? '' : ' (not there)'}`,
    `  archival log: ${logFile}${isLogThere ? '' : ' (not there)'}`,
    ...(chain === undefined ? [] : chainLines(chain)),
    `  last backup:  ${backupText(entry)}`,
    ...(entry.isBackupUsable === false
      ? ['                it is older than where the log begins: make another one']
      : []),
  ];
}

function chainLines(chain: ArchiveChain): string[] {
  const { segments, problems, start, transactionsWithOthers, others } = chain;
  const lines = [
    ...segments.map((segment) => `                ${segment.path}: ${segmentText(segment)}`),
    ...problems.map((problem) => `                ${problem}`),
  ];
  if (start !== undefined) {
    lines.push(
      `  good for:     copies with change ${start.changeSeq} or later, of ${start.time} on`,
    );
  }
  if (others.length === 0) return lines;
  const [each, is] = others.length === 1 ? ['a file', 'is'] : ['files', 'are'];
  lines.push(
    `  with others:  ${counted(transactionsWithOthers, 'transaction')} have changed ${each}, too, that ${is} not archived:`,
    ...others.map(({ file, transactions }) => `                ${file} (${transactions})`),
    '                archive all files of a related set, or none',
  );
  return lines;
}

const STANDINGS = {
  own: '',
  left: 'of a history that the file has left, ',
  before: 'of the file that this one was created over, ',
  foreign: 'of another file, set aside here, ',
} as const;

function segmentText(segment: ArchiveChain['segments'][number]): string {
  const { standing, firstChangeSeq, lastChangeSeq, begun, lastTime, bytes, message } = segment;
  const span = `changes ${firstChangeSeq} to ${lastChangeSeq}, ${begun} to ${lastTime}, ${bytes} bytes`;
  const what =
    lastChangeSeq >= firstChangeSeq
      ? span
      : `no changes yet after ${firstChangeSeq - 1}, begun ${begun}`;
  const text = `${STANDINGS[standing]}${what}`;
  return message === undefined ? text : `${text}; ${message}`;
}

function backupText({ lastBackup, changesSince }: BlogEntryReport): string {
  if (lastBackup === undefined) return 'none known (butil -blog backed-up)';
  const since =
    changesSince === undefined
      ? 'changes since then unknown'
      : `${counted(changesSince, 'change')} since then`;
  const { how, copy, time, changeSeq } = lastBackup;
  const what = how === 'copied' ? `copied to ${copy ?? ''}` : 'declared';
  return `${what} ${time}, up to change ${changeSeq}; ${since}`;
}

function summary({ entries, problems }: BlogReport): string {
  const good = entries.filter(({ counts }) => counts).length;
  const errors = problems.filter(isError).length;
  const warnings = problems.length - errors;
  const wrong = `${counted(errors, 'error')}, ${counted(warnings, 'warning')}`;
  return `${counted(good, 'file')} to be archived; ${wrong}.`;
}

/** The data file and the log of `dataFile[=log]`. */
function split(given: string): { dataFile: string; log: string | undefined } {
  const at = given.indexOf('=');
  return at < 0
    ? { dataFile: given, log: undefined }
    : { dataFile: given.slice(0, at), log: given.slice(at + 1) };
}

function add(session: Session, root: string, given: string): Outcome {
  const { dataFile, log } = split(given);
  if (dataFile === '' || log === '') throw session.wrong('add needs dataFile or dataFile=log');
  const change = addToRootBlog({ root }, dataFile, log, session.dryRun);
  const { hasChanged } = change;
  const lines = [
    hasChanged
      ? `${change.dataFile} ${session.dryRun ? 'would be' : 'is'} archived in ${change.logFile}.`
      : `${change.dataFile} is archived in ${change.logFile} already.`,
  ];
  if (hasChanged && !session.dryRun) {
    lines.push('Back it up: a copy of before its first archived change cannot be rolled forward.');
  }
  const notes = change.warnings.map(({ message, remedy }) => `${capital(message)}; ${remedy}.`);
  return told(session, change, lines, notes);
}

function remove(session: Session, root: string, given: string): Outcome {
  const change = removeFromRootBlog({ root }, given, session.dryRun);
  const { dataFile, logFile } = change;
  const lines = [
    `${dataFile} ${session.dryRun ? 'would be' : 'is'} archived no longer. Its log ${logFile} stays.`,
  ];
  return told(session, change, lines, []);
}

function told(
  session: Session,
  change: BlogChange,
  lines: readonly string[],
  notes: readonly string[],
): Outcome {
  const { file, hasChanged, isOn, isRunning } = change;
  const written = session.dryRun
    ? 'Nothing was written.'
    : `${file} was ${hasChanged ? '' : 'not '}changed.`;
  const effect = isRunning && isOn && hasChanged && !session.dryRun;
  const text = [
    ...lines,
    written,
    ...(effect ? ['The engine that runs takes it over within seconds, while it works.'] : []),
  ];
  const warnings = [...notes, ...(isOn ? [] : [OFF])];
  return done(text.join('\n'), { dryRun: session.dryRun, ...change }, warnings);
}

function capital(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}`;
}

function backedUp(session: Session, root: string, file: string, copy: string | undefined): Outcome {
  const { dryRun } = session;
  const backup = declareRootBackup({ root }, file, { copy, dryRun });
  const { previous, isUnclean } = backup;
  const text = [
    `File:   ${backup.file}, ${backup.uuid}`,
    `Backup: has all changes up to ${backup.changeSeq}`,
    `Before: ${previous === undefined ? 'none known' : `${previous.time}, up to ${previous.changeSeq}`}`,
    dryRun ? 'Nothing was written.' : 'That is kept as its last backup.',
  ];
  const warnings = isUnclean ? [copy === undefined ? IN_USE : UNCLEAN_COPY] : [];
  return done(text.join('\n'), { root, dryRun, ...backup }, warnings);
}

const IN_USE =
  'The file is open, or was not closed cleanly: its backup may have fewer changes than it has now. ' +
  'Name the copy to be exact: butil -blog backed-up file copy';
const UNCLEAN_COPY =
  'The copy is of a file that was open: it is whole only if nothing was written while it was copied.';
