/** What clients in other processes can ask an engine to do for backups. See `docs/requester.md`. */
import { undo } from '../archive-root.js';
import type { MicroKernel } from '../engine.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type { AdministrationArguments } from '../requester/administration.js';

/** What an argument must be; `order`: a key number, or `physical`. */
export type Kind = 'text' | 'texts' | 'number' | 'numbers' | 'switch' | 'object' | 'order';

const CHECKS: Readonly<Record<Kind, (value: unknown) => boolean>> = {
  text: (value) => typeof value === 'string',
  texts: (value) => Array.isArray(value) && value.every((each) => typeof each === 'string'),
  number: (value) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0,
  /** One alone is enough. */
  numbers: (value) => [value].flat().every((each) => CHECKS.number(each)),
  switch: (value) => typeof value === 'boolean',
  order: (value) => value === 'physical' || CHECKS.number(value),
  object: (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
};

/** Throws 160 with the reason `arguments`. */
export function checkArguments(
  args: AdministrationArguments,
  kinds: Readonly<Record<string, Kind>>,
): void {
  for (const [name, value] of Object.entries(args)) {
    const kind = Object.hasOwn(kinds, name) ? kinds[name] : undefined;
    if (kind === undefined) throw wrong(name, Object.keys(kinds).join(', '), name);
    if (value !== undefined && !CHECKS[kind](value)) throw wrong(name, kind, JSON.stringify(value));
  }
}

/** 160, for an argument. */
export function wrong(name: string, expected: string, found: string): BtrieveError {
  const details = { reason: 'arguments', expected, found: found.slice(0, SHOWN) };
  const message = `the argument ${name} is not one that this takes`;
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, message, details);
}

const SHOWN = 80;

/** An argument that must be there. Throws 160. */
export function neededText(args: AdministrationArguments, name: string): string {
  const value = args[name];
  if (typeof value === 'string') return value;
  throw wrong(name, 'text', value === undefined ? 'nothing' : typeof value);
}

/** The same of a list. */
function neededTexts(args: AdministrationArguments, name: string): readonly string[] {
  const value = args[name];
  if (CHECKS.texts(value)) return value as readonly string[];
  throw wrong(name, 'texts', value === undefined ? 'nothing' : typeof value);
}

/** The arguments without some of them: those of a function that takes options last. */
export function optionsIn(
  args: AdministrationArguments,
  ...others: string[]
): AdministrationArguments {
  return Object.fromEntries(
    Object.entries(args).filter(([name, value]) => !others.includes(name) && value !== undefined),
  );
}

/** Adds continuous operation, copies of files in use, archival logs and roll-forward. */
export function addBackup(engine: MicroKernel): void {
  addContinuous(engine);
  addAgent(engine);
  engine.addAdministration('freeze', (args) => {
    checkArguments(args, { timeoutMs: 'number' });
    return engine.freezeForOthers(optionsIn(args));
  });
  engine.addAdministration('thaw', () => {
    engine.thaw();
    return null;
  });
  addArchival(engine);
}

function addContinuous(engine: MicroKernel): void {
  engine.addAdministration('continuous', () => engine.continuous());
  engine.addAdministration('startContinuous', (args) => {
    checkArguments(args, { files: 'texts', by: 'text', owner: 'text' });
    return engine.startContinuous(neededTexts(args, 'files'), optionsIn(args, 'files'));
  });
  engine.addAdministration('endContinuous', (args) => {
    const which = args['files'] === 'all' ? 'all' : undefined;
    const kinds = { by: 'text', owner: 'text', discard: 'switch', nowait: 'switch' } as const;
    checkArguments(args, { ...kinds, files: which === undefined ? 'texts' : 'text' });
    const files = which ?? neededTexts(args, 'files');
    const options = optionsIn(args, 'files', 'nowait');
    if (args['nowait'] !== true) return engine.endingContinuous(files, options);
    engine.endContinuousLater(files, options);
    return [];
  });
  engine.addAdministration('hotCopy', (args) => {
    const kinds = { files: 'texts', directory: 'text', owner: 'text', replace: 'switch' } as const;
    checkArguments(args, kinds);
    const files = neededTexts(args, 'files');
    const directory = neededText(args, 'directory');
    return engine.hotCopying(files, directory, optionsIn(args, 'files', 'directory'));
  });
}

function addAgent(engine: MicroKernel): void {
  engine.addAdministration('backupAgent', () => engine.backupAgent());
  engine.addAdministration('startBackupAgent', (args) => {
    checkArguments(args, { files: 'texts', owner: 'text', pid: 'number', dryRun: 'switch' });
    return engine.startBackupAgent(optionsIn(args));
  });
  engine.addAdministration('stopBackupAgent', () => engine.stoppingBackupAgent());
}

const ROLL_FORWARD: Readonly<Record<string, Kind>> = {
  ...{ files: 'texts', until: 'text', logs: 'texts', owners: 'texts', timeline: 'numbers' },
  ...{ archiveOnly: 'switch', upToDamage: 'switch', goOn: 'switch', dryRun: 'switch' },
  dump: 'object',
};

const DUMP: Readonly<Record<string, Kind>> = {
  ...{ file: 'text', only: 'switch', dataLength: 'number', keyLength: 'number' },
  ...{ hex: 'switch', verbose: 'switch' },
};

const UNDO: Readonly<Record<string, Kind>> = {
  ...{ files: 'texts', tx: 'text', log: 'text', owners: 'texts' },
  ...{ force: 'switch', dryRun: 'switch' },
};

function addArchival(engine: MicroKernel): void {
  engine.addAdministration('rollForward', (args) => {
    checkArguments(args, ROLL_FORWARD);
    const { dump } = args;
    if (dump !== undefined) checkArguments(dump as AdministrationArguments, DUMP);
    const files = neededTexts(args, 'files');
    return engine.rollForwardSteps(files, optionsIn(args, 'files'));
  });
  engine.addAdministration('archiveCut', (args) => {
    checkArguments(args, { file: 'text' });
    return engine.archiveCut(neededText(args, 'file'));
  });
  engine.addAdministration('archiveMark', (args) => {
    checkArguments(args, { file: 'text', name: 'text' });
    const file = args['file'] === undefined ? undefined : neededText(args, 'file');
    return engine.archiveMark(file, neededText(args, 'name'));
  });
  engine.addAdministration('acceptAsItIs', (args) => {
    checkArguments(args, { file: 'text', owner: 'text' });
    engine.acceptAsItIs(neededText(args, 'file'), optionsIn(args, 'file'));
    return null;
  });
  engine.addAdministration('release', (args) => {
    checkArguments(args, { file: 'text', owner: 'text', dryRun: 'switch' });
    return engine.release(neededText(args, 'file'), optionsIn(args, 'file'));
  });
  engine.addAdministration('undo', (args) => {
    checkArguments(args, UNDO);
    const client = engine.client({ name: 'undo' });
    try {
      const files = neededTexts(args, 'files');
      return undo(engine, client, files, neededText(args, 'tx'), optionsIn(args, 'files', 'tx'));
    } finally {
      client.close();
    }
  });
}
