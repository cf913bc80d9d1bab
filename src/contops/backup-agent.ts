/**
 * The backup agent: puts the files that are open, or those of a list, into continuous operation for as long as
 * any backup program takes, and takes them out again.
 *
 * Owns: `etc/backup-agent.json` of the root, which says that the agent is on.
 *
 * Invariants:
 * - What it has put in bears its name in the list of the root, so it can be taken out after a crash of anybody.
 * - It takes out what it has put in, and nothing else.
 * - While it is on for all open files, one that is opened goes in before its first change.
 *
 * Source: Backup Agent Guide, What Backup Agent Does.
 */
import { join, resolve } from 'node:path';
import { DiskError, readFully } from '../microkernel/disk-error.js';
import type { FileTable } from '../microkernel/files/file-table.js';
import { fileError } from '../microkernel/page-device.js';
import type { FileSystem, Ports } from '../microkernel/ports.js';
import { replaceFile } from '../microkernel/replace-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import type {
  ContinuousFile,
  ContinuousOperations,
  EndedFile,
  EndingProgress,
} from './continuous-operations.js';

/** How the backup agent is switched on. */
export interface BackupAgentOptions {
  /** Only these files; otherwise those that are open, and those opened while the agent is on. */
  readonly files?: readonly string[];
  /** Owner name, for encrypted files of the list that nobody has open. */
  readonly owner?: string;
  /** Process for which the agent is on, where it is to end with one. */
  readonly pid?: number;
  /** Says what would be done, and changes nothing. */
  readonly dryRun?: boolean;
}

/** A file that could not be put in. */
export interface LeftOutFile {
  readonly file: string;
  readonly status: number;
  readonly reason: string;
  readonly message: string;
}

/** What the agent is doing. */
export interface BackupAgentReport {
  readonly isOn: boolean;
  readonly root: string;
  /** ISO 8601, UTC. */
  readonly since?: string;
  /** `open`: files that are opened go in as well; `listed`: only those that were named. */
  readonly scope?: 'open' | 'listed';
  readonly pid?: number;
  /** Files that the agent has put in. */
  readonly files: readonly string[];
  /** Files in continuous operation that others have put in: they stay in. */
  readonly others: readonly string[];
  readonly leftOut: readonly LeftOutFile[];
}

/** What taking files out came to. */
export interface BackupAgentEnd {
  readonly files: readonly EndedFile[];
  /** Files that are still in. */
  readonly failed: readonly LeftOutFile[];
}

export interface BackupAgentParts {
  readonly root: string;
  readonly ports: Ports;
  readonly disk: FileSystem;
  readonly continuous: ContinuousOperations;
  readonly table: FileTable;
}

interface State {
  readonly since: number;
  readonly scope: 'open' | 'listed';
  readonly pid?: number;
  readonly leftOut: readonly LeftOutFile[];
}

/** Who has put in a file that the agent has. */
const BY = 'backup-agent';
const VERSION = 1;
/** Bytes of the state, at the most; nobody leaves out so many files. */
const SIZE_LIMIT = 64 * 1024 * 1024;

export class BackupAgent {
  readonly #parts: BackupAgentParts;
  readonly #path: string;
  #state: State | undefined;
  /** Files that were opened and not looked at yet. */
  readonly #opened = new Set<string>();

  constructor(parts: BackupAgentParts) {
    this.#parts = parts;
    this.#path = join(parts.root, 'etc', 'backup-agent.json');
    this.#state = this.#read();
  }

  /**
   * Switches the agent on. A file that is refused stays out and is in `leftOut`; one that is in already stays in,
   * as its owner's. Throws 88 if the agent is on (reason `backup-agent`), 18, 2.
   */
  start({ files, owner = '', pid, dryRun = false }: BackupAgentOptions): BackupAgentReport {
    const { ports, table, continuous } = this.#parts;
    if (this.#state !== undefined) throw this.#isOnAlready(this.#state);
    const given = files?.map((path) => resolve(path));
    const all = given ?? table.files.map(({ pages }) => pages.path);
    const wanted = [...new Set(all.map((path) => continuous.placeOf(path)))];
    if (dryRun) return this.#plan(wanted);
    const since = Math.max(0, Math.floor(ports.clock.now()));
    const scope = given === undefined ? 'open' : 'listed';
    this.#set({ since, scope, leftOut: [], ...(pid === undefined ? {} : { pid }) });
    this.#tell('I', 'backup-agent-on', { scope }, 'The backup agent is on.');
    try {
      this.#putIn(wanted, owner);
    } catch (error) {
      this.#takeBack();
      throw error;
    }
    return this.report();
  }

  /**
   * Takes out what the agent has put in, in steps, and switches it off. A file that cannot be taken out does not
   * keep the others; then the agent can be stopped again. Throws 18, 2 if that cannot be noted.
   */
  *stopping(): Generator<EndingProgress, BackupAgentEnd, void> {
    const { continuous } = this.#parts;
    const before = this.#state;
    // From here on nothing goes in.
    this.#state = undefined;
    const files: EndedFile[] = [];
    const failed: LeftOutFile[] = [];
    try {
      for (const file of this.#own()) {
        try {
          files.push(...(yield* continuous.ending([file])));
        } catch (error) {
          failed.push(leftOut(file, error));
        }
      }
    } finally {
      // Also when it is ended early: what is in yet is to be taken out by the next one.
      if (this.#own().length > 0) this.#state = before;
    }
    if (failed.length === 0) this.off();
    return { files, failed };
  }

  #takeBack(): void {
    const steps = this.stopping();
    while (steps.next().done !== true);
  }

  /** Nothing more goes in; what is in stays as it is. Throws 18, 2. */
  off(): void {
    const { disk } = this.#parts;
    this.#state = undefined;
    this.#opened.clear();
    try {
      if (!disk.exists(this.#path)) return;
      disk.remove(this.#path);
      disk.syncDirectory(join(this.#parts.root, 'etc'));
    } catch (error) {
      throw fileError('the backup agent cannot be switched off', error, this.#path);
    }
    this.#tell('I', 'backup-agent-off', {}, 'The backup agent is off.');
  }

  report(): BackupAgentReport {
    const { root, continuous } = this.#parts;
    const all = continuous.list();
    const { since, scope, pid, leftOut: refused = [] } = this.#state ?? {};
    return {
      ...{ isOn: this.#state !== undefined, root },
      ...(since === undefined ? {} : { since: new Date(since).toISOString() }),
      ...(scope === undefined ? {} : { scope }),
      ...(pid === undefined ? {} : { pid }),
      ...{ files: this.#own(all), leftOut: refused },
      others: all.filter(({ by }) => by !== BY).map(({ file }) => file),
    };
  }

  /** A file was opened. True if `look` has something to do. */
  opened(path: string): boolean {
    if (this.#state?.scope !== 'open') return false;
    this.#opened.add(path);
    return true;
  }

  /** Between two operations: what was opened goes in. Never throws. */
  readonly look = (): void => {
    const { table, continuous } = this.#parts;
    if (this.#opened.size === 0 || table.gate.isClosed) return;
    const open = new Set(table.files.map(({ pages }) => pages.path));
    const paths = [...this.#opened].filter((path) => open.has(path) && !continuous.isIn(path));
    this.#opened.clear();
    if (this.#state === undefined || paths.length === 0) return;
    try {
      this.#putIn(
        paths.map((path) => continuous.placeOf(path)),
        '',
      );
    } catch (error) {
      const text = `The backup agent cannot note what it leaves out: ${textOf(error)}`;
      this.#tell('W', 'backup-agent-failed', {}, text);
    }
  };

  #own(all: readonly ContinuousFile[] = this.#parts.continuous.list()): string[] {
    return all.filter(({ by }) => by === BY).map(({ file }) => file);
  }

  /** All that may go in at one moment; what is refused is noted. */
  #putIn(wanted: readonly string[], owner: string): void {
    const { continuous } = this.#parts;
    const refused: LeftOutFile[] = [];
    let left = wanted.filter((path) => !continuous.isIn(path));
    while (left.length > 0) {
      try {
        continuous.start(left, { by: BY, owner });
        break;
      } catch (error) {
        if (!(error instanceof BtrieveError)) throw error;
        // Who it was about stays out; if that is not known, nobody can go in.
        const isAbout = (path: string): boolean => path === error.file;
        const out = left.some(isAbout) ? left.filter(isAbout) : left;
        refused.push(...out.map((file) => leftOut(file, error)));
        left = left.filter((path) => !out.includes(path));
      }
    }
    this.#noteRefused(refused);
  }

  #noteRefused(refused: readonly LeftOutFile[]): void {
    const state = this.#state;
    if (state === undefined || refused.length === 0) return;
    const before = state.leftOut.filter(({ file }) => !refused.some((each) => each.file === file));
    this.#set({ ...state, leftOut: [...before, ...refused] });
    for (const { file, status, message } of refused) {
      const fields = { file, status: String(status) };
      this.#tell(
        'W',
        'backup-agent-left-out',
        fields,
        `The backup agent leaves it out: ${message}`,
      );
    }
  }

  #plan(wanted: readonly string[]): BackupAgentReport {
    const { continuous } = this.#parts;
    const report = this.report();
    const left = wanted.filter((path) => !continuous.isIn(path));
    const refused = left.flatMap((path) => {
      const refusal = continuous.refusalOf(path, left);
      return refusal === undefined ? [] : [leftOut(path, refusal)];
    });
    const files = left.filter((path) => !refused.some(({ file }) => file === path));
    return { ...report, files, leftOut: refused };
  }

  #set(state: State): void {
    try {
      replaceFile(
        this.#parts.disk,
        this.#path,
        `${JSON.stringify({ version: VERSION, ...state }, undefined, 2)}\n`,
      );
    } catch (error) {
      throw fileError('the state of the backup agent cannot be written', error, this.#path);
    }
    this.#state = state;
  }

  /** What the file says; off if there is none. One that makes no sense is off too, and said so. */
  #read(): State | undefined {
    const { disk } = this.#parts;
    try {
      if (!disk.exists(this.#path)) return undefined;
      const state = parse(textIn(disk, this.#path));
      if (state !== undefined) return state;
    } catch (error) {
      if (!(error instanceof DiskError)) throw error;
    }
    const text = `${this.#path} cannot be read, so the backup agent is off; what it has put in stays in until it is stopped.`;
    this.#tell('W', 'backup-agent-failed', {}, text);
    return undefined;
  }

  #isOnAlready({ since, pid }: State): BtrieveError {
    const whose = pid === undefined ? '' : ` for process ${pid}`;
    const message = `the backup agent is on${whose}, since ${new Date(since).toISOString()}; stop it first`;
    const details = { reason: 'backup-agent', file: this.#parts.root };
    return new BtrieveError(Status.INCOMPATIBLE_MODE_ERROR, message, details);
  }

  #tell(severity: 'I' | 'W', id: string, fields: Record<string, string>, text: string): void {
    const { ports, root } = this.#parts;
    ports.events.write({ severity, id, fields: { root, ...fields }, text });
  }
}

function textIn(disk: FileSystem, path: string): string {
  const handle = disk.open(path, 'read');
  try {
    const size = handle.size();
    if (size > SIZE_LIMIT) return '';
    const bytes = new Uint8Array(size);
    return new TextDecoder().decode(bytes.subarray(0, readFully(handle, bytes, 0, size, 0)));
  } finally {
    handle.close();
  }
}

function parse(text: string): State | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { version, since, scope, pid, leftOut: refused } = value as Record<string, unknown>;
  const isSound =
    version === VERSION &&
    isNumber(since) &&
    (scope === 'open' || scope === 'listed') &&
    (pid === undefined || isNumber(pid)) &&
    Array.isArray(refused) &&
    refused.every(isLeftOut);
  if (!isSound) return undefined;
  return { since, scope, leftOut: refused, ...(pid === undefined ? {} : { pid }) };
}

function isNumber(value: unknown): value is number {
  // Of a `Date`, the most that there is.
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0 && value <= 8.64e15;
}

function isLeftOut(value: unknown): value is LeftOutFile {
  if (typeof value !== 'object' || value === null) return false;
  const entry = value as Record<string, unknown>;
  const texts = ['file', 'reason', 'message'];
  return isNumber(entry['status']) && texts.every((name) => typeof entry[name] === 'string');
}

function leftOut(file: string, error: unknown): LeftOutFile {
  if (!(error instanceof BtrieveError)) throw error;
  const { status, reason = 'failed' } = error;
  return { file, status, reason, message: textOf(error) };
}

/** A message without what its class has added. */
function textOf(error: unknown): string {
  if (!(error instanceof BtrieveError))
    return error instanceof Error ? error.message : String(error);
  return error.message.split(` (status ${error.status}, `)[0] ?? error.message;
}
