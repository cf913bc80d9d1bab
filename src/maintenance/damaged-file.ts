/** Opening a file that may be damaged, below the engine: its pages, and what they say it is. */
import {
  decodeDefinition,
  type StoredDefinition,
} from '../microkernel/definition/definition-codec.js';
import { chooseFcr } from '../microkernel/fcr-choice.js';
import { loadDefinition } from '../microkernel/files/definition-pages.js';
import { accessOf, isEncryptedFile, unwrapKey } from '../microkernel/files/owner.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import { nodeRandom } from '../microkernel/node-ports.js';
import { PageCipher } from '../microkernel/page-cipher.js';
import { closeQuietly, fileError, lockedError } from '../microkernel/page-device.js';
import type { FileHandle, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { SoundPages } from './sound-pages.js';
import { runTask, type Task } from './task.js';

/** Throws 12, 94, 85. */
export function openDamaged(files: FileSystem, path: string): FileHandle {
  try {
    const handle = files.open(path, 'read');
    if (handle.tryLock('shared')) return handle;
    closeQuietly(handle);
    throw lockedError(path);
  } catch (error) {
    throw fileError('the file cannot be opened', error, path);
  }
}

/** Its pages, as far as they can be believed. Throws 30, 2. */
export function* soundPages(handle: FileHandle): Task<SoundPages> {
  const pages = new SoundPages(handle, chooseFcr(ofAnySize(handle)).control);
  yield* pages.survey();
  return pages;
}

/** The same file for a reader who refuses one that was cut short: what is left may be read. */
function ofAnySize(handle: FileHandle): FileHandle {
  return new Proxy(handle, {
    get(target, name): unknown {
      if (name === 'size') return () => Number.MAX_SAFE_INTEGER;
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** What a file is, by its own pages. Throws 2 if they are damaged, 51 without the right owner name. */
export function storedDefinition(pages: SoundPages, owner: string): StoredDefinition {
  try {
    const stored = decodeDefinition(loadDefinition(pages));
    open(pages, stored, owner);
    return stored;
  } finally {
    pages.cache.endOperation();
  }
}

/** The definition of a file that cannot be opened as a whole. Throws 12, 94, 85, 30, 2, 51. */
export function definitionOfDamaged(path: string, owner: string): StoredDefinition {
  const handle = openDamaged(new NodeFileSystem({ worker: 'never' }), path);
  try {
    return storedDefinition(runTask(soundPages(handle)), owner);
  } catch (error) {
    throw fileError('the file cannot be opened', error, path);
  } finally {
    closeQuietly(handle);
  }
}

/** Throws 51 if the owner name does not open the file. */
function open(pages: SoundPages, { owner: stored }: StoredDefinition, owner: string): void {
  const isEncrypted = isEncryptedFile(stored);
  const key = isEncrypted && owner !== '' ? unwrapKey(stored, owner) : undefined;
  if (accessOf(stored, owner) === 'none' || (isEncrypted && key === undefined)) {
    const message = 'the file has an owner name, and it is recovered with that only';
    throw new BtrieveError(Status.INVALID_OWNER, message, { file: pages.path });
  }
  if (key === undefined) return;
  const { uuid } = pages.control;
  pages.device.cipher = new PageCipher(key, uuid, pages.pageSize, nodeRandom);
}
