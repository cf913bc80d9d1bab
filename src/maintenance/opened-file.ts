/** A look at a file as the engine has it open: definition, counts, trees. */
import type { Client } from '../client.js';
import type { OpenMode } from '../microkernel/clients/handle.js';
import { INDEX_STATE } from '../microkernel/definition/definition-codec.js';
import type { FileDefinition } from '../microkernel/definition/file-definition.js';
import { absolutePath } from '../microkernel/clients/paths.js';
import type { ClientFile, OriginalFacts } from '../microkernel/files/client-file.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { isOriginalFile } from '../legacy/identify-file.js';
import { definitionOfDamaged } from './damaged-file.js';
import { definitionForCopy } from './definition-for-copy.js';
import { notesOn } from './sound-original.js';

/**
 * Opens a file for reading, looks at it, and closes it. Throws what Open answers: 11, 12, 30, 2, 46, 51,
 * 85, 86, 88, 94.
 */
export function openedFile<R>(
  client: Client,
  path: string,
  owner: string,
  look: (file: ClientFile) => R,
  mode: OpenMode = 'read-only',
): R {
  const { calls } = client.internals;
  const handle = calls.openPath(path, mode, owner);
  try {
    return look(handle.file);
  } finally {
    handle.file.data.endOperation();
    calls.closeHandle(handle);
  }
}

/**
 * The definition of a file, without a key whose index is half made or half dropped; of one that is too damaged to be opened too, if its definition is sound. Of an
 * original file it is that of a file of this engine for the same records. Throws what Open answers, and 2 with the
 * reason `definition` for an original file whose definition is damaged.
 */
export function fileDefinition(client: Client, path: string, owner = ''): FileDefinition {
  try {
    return openedFile(client, path, owner, (file) => {
      const { definition, original, pages } = file;
      if (original === undefined) return withoutUnfinished(file);
      assertDefinition(original, pages.path);
      return definitionForCopy(definition, {}, true);
    });
  } catch (error) {
    if (!isOfDamaged(error)) throw error;
    const absolute = absolutePath(path, client.internals.calls.directory);
    if (isOriginalFile(absolute)) throw error;
    const { file, keys } = definitionOfDamaged(absolute, owner);
    return {
      ...file,
      keys: file.keys.filter((_, index) => keys[index]?.state === INDEX_STATE.IN_USE),
    };
  }
}

function isOfDamaged(error: unknown): boolean {
  return error instanceof BtrieveError && error.status === Status.IO_ERROR;
}

/** As it is when the file has been opened for writing, which drops what a crash has left of an index. */
function withoutUnfinished({ definition, data }: ClientFile): FileDefinition {
  const keys = definition.keys.filter(({ number }) => data.key(number) !== undefined);
  return keys.length === definition.keys.length ? definition : { ...definition, keys };
}

function notesOnUnfinished({ definition, data }: ClientFile): string[] {
  return definition.keys
    .filter(({ number }) => data.key(number) === undefined)
    .map(
      ({ number }) =>
        `Making or dropping the index of key ${number} was interrupted: that key is left out.`,
    );
}

/** What opening says of a definition that is not whole. */
const DAMAGED: ReadonlySet<string> = new Set(['keys', 'key-damaged', 'collating-sequence']);

/** A file made like this one would lack what is damaged. Throws 2 with the reason `definition`. */
function assertDefinition({ warnings }: OriginalFacts, file: string): void {
  const found = warnings.find(({ reason }) => DAMAGED.has(reason));
  if (found === undefined) return;
  const message = `the definition of the file is damaged: ${found.message}. butil -stat shows what is left of it`;
  throw new BtrieveError(Status.IO_ERROR, message, { reason: 'definition', file });
}

/**
 * What the user should know of an original file, and of keys that the definition leaves out. Throws what Open
 * answers, but not 2 for a file of this engine.
 */
export function fileNotes(client: Client, path: string, owner = ''): readonly string[] {
  const absolute = absolutePath(path, client.internals.calls.directory);
  if (isOriginalFile(absolute)) return openedFile(client, path, owner, notesOn);
  try {
    return openedFile(client, path, owner, notesOnUnfinished);
  } catch (error) {
    if (isOfDamaged(error)) return [];
    throw error;
  }
}
