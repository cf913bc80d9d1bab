/**
 * The end of a file that another one is created over, or put over: its archival log says so, and which one, before that
 * happens.
 *
 * Invariants:
 * - What is said is behind everything that the file has, and takes no number: should the creation fail, or a crash
 *   end it, the file goes on, and what follows in its log makes it void.
 * - It is on disk when the call returns. A log that is not the one of the file as it is says nothing.
 * - That it has happened is proved by a log of the new file, which begins when that has its name: without one nobody
 *   takes an entry for it.
 */
import {
  decodeDefinition,
  encodeDefinition,
  newStoredDefinition,
} from '../microkernel/definition/definition-codec.js';
import type { FileDefinition } from '../microkernel/definition/file-definition.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import type { ControlRecord } from '../microkernel/fcr.js';
import { closeQuietly } from '../microkernel/page-device.js';
import type { FileSystem, Ports } from '../microkernel/ports.js';
import { BtrieveError } from '../microkernel/status.js';
import { ArchiveWalk, isReadyMade, type ArchivedStructure } from './archive-reader.js';
import { ArchiveRecordWriter } from './archive-records.js';
import { appendFrames } from './frame-append.js';
import { OpenArchiveSegment } from './open-segment.js';

/** A file that is about to come; without a definition one that is ready made. */
type ToCome = Pick<Successor, 'uuid' | 'lsn'> & { readonly definition: FileDefinition | undefined };

/** Returns whether it is said. Throws `DiskError`. */
export function noteCreatedOver(
  { files, clock }: Ports,
  log: string,
  dataFile: string,
  { uuid, definition, lsn }: ToCome,
): boolean {
  if (!files.exists(log)) return false;
  const handle = files.open(log, 'write');
  try {
    const control = controlOf(files, dataFile);
    const walk = new ArchiveWalk(handle, log);
    const frames = walk.frames();
    while (frames.next().done !== true);
    const isOwn =
      Buffer.compare(walk.head.uuid, control.uuid) === 0 && walk.head.timeline === control.timeline;
    const isAtEnd = walk.lastChangeSeq === control.changeSeq && walk.damage === undefined;
    if (!isOwn || !isAtEnd || walk.isCut) return false;
    if (walk.end < walk.size) handle.truncate(walk.end);
    handle.sync();
    const writer = new ArchiveRecordWriter();
    writer.addStructure({
      ...{ what: 'create-over', keyNumber: -1, client: '', lsn },
      ...{ data: uuid, key: new Uint8Array(0), definition: definitionBytes(definition) },
      changeSeq: control.changeSeq,
      time: Math.max(walk.lastTime, clock.now()),
    });
    appendFrames(new OpenArchiveSegment(handle, walk.head, walk.end), writer);
    handle.sync();
    return true;
  } catch (error) {
    // What is no archival log is set aside as it is; what is no data file is not created over.
    if (error instanceof BtrieveError) return false;
    throw error;
  } finally {
    closeQuietly(handle);
  }
}

/** Where its trees begin is not known yet, and says nothing about it. None is said of what is ready made. */
function definitionBytes(definition: FileDefinition | undefined): Uint8Array {
  if (definition === undefined) return new Uint8Array(0);
  const count = definition.keys.length + (definition.hasSystemData ? 1 : 0);
  return encodeDefinition(newStoredDefinition(definition, new Array<number>(count).fill(0)));
}

/** What a file says of itself. */
export function controlOf(files: FileSystem, path: string): ControlRecord {
  const handle = files.open(path, 'read');
  try {
    return chooseFcr(handle).control;
  } finally {
    handle.close();
  }
}

/** A file that was created over another one, as the log of that one says. */
export interface Successor {
  readonly uuid: Uint8Array;
  readonly definition: FileDefinition;
  /** Milliseconds since 1970. */
  readonly time: number;
  /** The last LSN given out before it was created; 0: not known. */
  readonly lsn: number;
}

/**
 * Undefined if the entry does not say which file it was, as those of earlier versions, or makes no sense, or that one
 * cannot be created again.
 */
export function successorOf(entry: ArchivedStructure): Successor | undefined {
  const { data, definition, time, lsn } = entry;
  if (data.length !== UUID_SIZE || isReadyMade(entry)) return undefined;
  try {
    return { uuid: data, definition: decodeDefinition(definition).file, time, lsn };
  } catch (error) {
    if (error instanceof BtrieveError) return undefined;
    throw error;
  }
}

const UUID_SIZE = 16;
