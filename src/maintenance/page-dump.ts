/** DUMP: one page of a data file as it lies on the disk, and what it says of itself. */
import type { Client } from '../client.js';
import { hex32, u16, u32, u53 } from '../microkernel/bytes.js';
import { OWN_PAGE_TYPE, PAGE_HEADER, PAGE_TYPE } from '../microkernel/layout.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { closeQuietly, fileError } from '../microkernel/page-device.js';
import { FCR_PAGES, SPACE, type PageSpace } from '../microkernel/pat.js';
import type { FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { openDamaged, soundPages, storedDefinition } from './damaged-file.js';
import { readingInUse } from './file-in-use.js';
import type { SoundPages } from './sound-pages.js';
import { runTask, type Task } from './task.js';

/** Which page: by its place in the file, or by its number in one of the two spaces. */
export type PageChoice =
  { readonly physical: number } | { readonly space: 'data' | 'other'; readonly page: number };

/** One page, and what it says of itself. */
export interface PageDump {
  readonly physical: number;
  /** In bytes, from the beginning of the file. */
  readonly offset: number;
  readonly pageSize: number;
  /** What its header says; undefined for a file control record. */
  readonly header?: {
    readonly type: string;
    readonly space: number;
    readonly page: number;
    readonly generation: number;
    readonly count: number;
    readonly checksum: string;
  };
  /** Whether the checksum is that of the page. */
  readonly isSound: boolean;
  readonly bytes: Uint8Array;
}

const TYPE_NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries({ ...PAGE_TYPE, ...OWN_PAGE_TYPE }).map(([name, code]) => [code, name]),
);

/**
 * Reads one page of a data file, damaged or not, as it lies there: encrypted if it is. Throws 12, 94, 85,
 * 30, 2, 51 (the owner name is wanted), and 160 for a page that the file does not have. With a client it may be one
 * that its engine has open.
 */
export function dumpPage(path: string, choice: PageChoice, owner = '', client?: Client): PageDump {
  return runTask(dumpingPage(path, choice, owner, client));
}

/** The same in steps: where pages of the page allocation table are lost, the whole file is walked. */
export function* dumpingPage(
  path: string,
  choice: PageChoice,
  owner = '',
  client?: Client,
): Task<PageDump> {
  return yield* readingInUse(client, path, (file) =>
    dumpFrom(file?.files ?? new NodeFileSystem({ worker: 'never' }), path, choice, owner),
  );
}

function* dumpFrom(
  files: FileSystem,
  path: string,
  choice: PageChoice,
  owner: string,
): Task<PageDump> {
  const handle = openDamaged(files, path);
  try {
    const pages = yield* soundPages(handle);
    checkOwner(pages, owner);
    const { pageSize, device, control } = pages;
    const physical =
      'physical' in choice ? choice.physical : pages.locate(spaceOf(choice.space), choice.page);
    if (physical === undefined || physical >= control.physicalPages) {
      const last = `0 to ${control.physicalPages - 1}`;
      throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'the file has no such page', {
        reason: 'no-page',
        file: path,
        ...('physical' in choice ? { expected: last, found: String(physical) } : {}),
      });
    }
    const bytes = new Uint8Array(pageSize);
    device.read(physical, bytes, 0);
    const place = { physical, offset: physical * pageSize, pageSize, bytes };
    if (physical < FCR_PAGES) return { ...place, isSound: true };
    const view = new DataView(bytes.buffer);
    const stored = u32(view, PAGE_HEADER.checksum);
    const type = view.getUint8(PAGE_HEADER.type);
    const header = {
      type: TYPE_NAMES.get(type) ?? String(type),
      space: view.getUint8(PAGE_HEADER.space),
      page: u32(view, PAGE_HEADER.page),
      generation: u53(view, PAGE_HEADER.generation),
      count: u16(view, PAGE_HEADER.count),
      checksum: hex32(stored),
    };
    return { ...place, header, isSound: device.checksum(bytes, 0) === stored };
  } catch (error) {
    throw fileError('the page cannot be read', error, path);
  } finally {
    closeQuietly(handle);
  }
}

/** Whose definition is lost, has no owner that anybody knows of. */
function checkOwner(pages: SoundPages, owner: string): void {
  try {
    storedDefinition(pages, owner);
  } catch (error) {
    if (!(error instanceof BtrieveError) || error.status === Status.INVALID_OWNER) throw error;
  }
}

function spaceOf(name: 'data' | 'other'): PageSpace {
  return name === 'data' ? SPACE.DATA : SPACE.OTHER;
}
