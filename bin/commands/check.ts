/** `butil -check`: is this data file whole, and if not, where is the damage? */
import { resolve } from 'node:path';
import {
  BtrieveError,
  checkingFile,
  identifyFile,
  isOriginalFile,
  type CheckFinding,
  type FileIdentity,
  type FileReport,
  type LegacyFinding,
} from '../../src/index.js';
import { adviceOnDamage } from '../advice.js';
import { counted } from '../messages.js';
import { EXIT, type Outcome } from '../outcome.js';
import type { Step } from '../progress.js';
import type { Session } from '../session.js';

/** So many findings fit a screen. */
const FINDINGS_SHOWN = 20;
const DOUBTFUL =
  'Nothing contradicts itself, but something is as in no sound file (see the notes).';

export async function command(session: Session): Promise<Outcome> {
  const file = session.operand(0);
  const owner = await session.owner(0, file);
  const original = originalOf(file, owner);
  if (original !== undefined) return original;
  const args = { file: resolve(file), owner };
  const here = (): Step<FileReport> => checkingFile(file, { owner });
  const report = await session.below([file], 'checkFile', args, 'Checking', here);
  // As it was called here, whoever has looked at it.
  return outcomeOf({ ...report, file });
}

/** The check of a file that the original engine made; undefined for any other. */
function originalOf(file: string, owner: string): Outcome | undefined {
  const options = owner === '' ? {} : { owner };
  if (!isOriginalFile(file)) return undefined;
  const identity = identifyFile(file, options);
  const { refusal, findingCount = 0, warnings } = identity;
  if (refusal !== undefined) {
    const { status, reason, message } = refusal;
    throw new BtrieveError(status as 2, plain(message, status), { reason, file });
  }
  const isDamaged = findingCount > 0;
  const isDoubtful = warnings.some(({ reason }) => reason === 'variable-page');
  return {
    exitCode: isDamaged || isDoubtful ? EXIT.FINDINGS : EXIT.DONE,
    reason: isDamaged ? 'damaged' : isDoubtful ? 'doubtful' : 'whole',
    result: isDamaged ? { ...identity, advice: adviceOnDamage(file) } : identity,
    text: describeOriginal(identity, isDoubtful),
    warnings: warnings.map(({ message }) => `${message}.`),
  };
}

function describeOriginal(identity: FileIdentity, isDoubtful: boolean): string {
  const { path, findings = [], findingCount = 0 } = identity;
  const more = findingCount - FINDINGS_SHOWN;
  const verdict = isDoubtful ? DOUBTFUL : 'Nothing is wrong with this file.';
  return [
    `File:            ${path}`,
    `Format:          Btrieve ${identity.format ?? '?'}`,
    `Page size:       ${identity.pageSize ?? 0} bytes`,
    `Closed cleanly:  ${identity.isUnclean === true ? 'no' : 'yes'}`,
    `Records:         ${identity.records ?? 0}`,
    '',
    ...findings.slice(0, FINDINGS_SHOWN).map(describeLegacy),
    ...(more > 0 ? [`… and ${more} more; --json lists up to 100.`] : []),
    ...(findingCount === 0
      ? [verdict]
      : ['', `${counted(findingCount, 'finding')}. Nothing was changed.`, adviceOnDamage(path)]),
  ].join('\n');
}

/** A message without what its class has added. */
function plain(message: string, status: number): string {
  return message.split(` (status ${status}, `)[0] ?? message;
}

function describeLegacy({ reason, message, offset, page }: LegacyFinding): string {
  const place = [
    ...(offset === undefined ? [] : [`offset ${offset}`]),
    ...(page === undefined ? [] : [`page ${page}`]),
  ].join(', ');
  return `${reason}: ${place === '' ? '' : `${place}: `}${message}`;
}

function outcomeOf(report: FileReport): Outcome {
  const whole = report.findingCount === 0;
  return {
    exitCode: whole ? EXIT.DONE : EXIT.FINDINGS,
    reason: whole ? 'whole' : 'damaged',
    result: whole ? report : { ...report, advice: adviceOnDamage(report.file) },
    text: describe(report),
  };
}

function describe(report: FileReport): string {
  const lines = [
    `File:            ${report.file}`,
    `Identity:        ${report.uuid}`,
    `Page size:       ${report.pageSize} bytes`,
    `Generation:      ${report.generation}, after ${report.changeSeq} changes`,
    `Closed cleanly:  ${report.closedCleanly ? 'yes' : 'no'}`,
    ...(report.delta === undefined ? [] : [`Continuous:      yes, checked with ${report.delta}`]),
    `Pages:           ${report.physicalPages} (${report.dataPages} data, ${report.otherPages} index and variable, ${report.freePhysicalPages} free)`,
    ...describeContent(report),
    '',
    ...report.notes.map((note) => `Note: ${describeFinding(note)}.`),
  ];
  if (report.findingCount === 0) return [...lines, 'Nothing is wrong with this file.'].join('\n');
  lines.push(...report.findings.slice(0, FINDINGS_SHOWN).map(describeFinding));
  const more = report.findingCount - FINDINGS_SHOWN;
  if (more > 0) lines.push(`… and ${more} more; --json lists up to 1,000.`);
  lines.push(
    '',
    `${counted(report.findingCount, 'finding')}. Nothing was changed.`,
    adviceOnDamage(report.file),
  );
  return lines.join('\n');
}

function describeContent({ content }: FileReport): string[] {
  if (content === undefined) return [];
  const keys = content.keys.map(({ key, entries }) => `key ${key}: ${entries}`);
  return [
    `Records:         ${content.records}`,
    `Index entries:   ${keys.length === 0 ? 'no keys' : keys.join(', ')}`,
  ];
}

function describeFinding(finding: CheckFinding): string {
  const place = [
    ...(finding.offset === undefined ? [] : [`offset ${finding.offset}`]),
    ...(finding.physicalPage === undefined ? [] : [`physical page ${finding.physicalPage}`]),
    ...(finding.page === undefined ? [] : [finding.page]),
  ].join(', ');
  const values =
    finding.expected === undefined
      ? ''
      : ` (expected ${finding.expected}, found ${finding.found ?? 'nothing'})`;
  return `${finding.reason}: ${place === '' ? '' : `${place}: `}${finding.message}${values}`;
}
