/** SETOWNER and CLROWNER. */
import type { Client } from '../client.js';
import { Op } from '../microkernel/calls/operations.js';
import { hasOwner } from '../microkernel/files/owner.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { openedFile } from './opened-file.js';

/** How an owner name is set. */
export interface SetOwnerOptions {
  readonly owner: string;
  /**
   * What may be done without the name, and whether pages are encrypted: 0 nothing, 1 reading, 2 nothing
   * and encrypted, 3 reading (with engines of this root) and encrypted.
   */
  readonly level: number;
  /** Up to 24 bytes instead of 8. */
  readonly isLong?: boolean;
  /** Checks that it could be done, and changes nothing. */
  readonly dryRun?: boolean;
}

/** Protects a file by an owner name. Throws 50 (it has one), 51 (it can be none), 160, what Open answers. */
export function setOwnerName(client: Client, path: string, options: SetOwnerOptions): void {
  const { owner, level, isLong = false, dryRun = false } = options;
  const name = new TextEncoder().encode(`${owner}\0`);
  if (owner.trim() === '' || name.length - 1 > (isLong ? 24 : 8)) {
    throw new BtrieveError(Status.INVALID_OWNER, 'this cannot be an owner name', {
      reason: 'owner-name',
      expected: isLong ? '1 to 24 bytes' : '1 to 8 bytes; up to 24 as a long one',
      found: `${name.length - 1} bytes`,
    });
  }
  const has = ownerState(client, path, '') ?? ownerState(client, path, owner) ?? 'another';
  // What a full disk has stopped in the middle of encrypting goes on with the same name.
  if (has === 'another' || (has === 'some' && dryRun)) throw alreadySet(path);
  if (dryRun) return;
  withOpen(client, path, has === 'none' ? '' : owner, (block) => {
    const op = isLong ? Op.SET_OWNER + Op.LONG_OWNER_BIAS : Op.SET_OWNER;
    const length = Uint32Array.of(name.length);
    return client.btrcall(op, block, name, length, name, level);
  });
}

/** Whether a file has an owner name; undefined if it is not to be opened by this one. */
function ownerState(client: Client, path: string, owner: string): 'none' | 'some' | undefined {
  try {
    return openedFile(client, path, owner, ({ stored }) =>
      hasOwner(stored.owner) ? 'some' : 'none',
    );
  } catch (error) {
    if (error instanceof BtrieveError && error.status === Status.INVALID_OWNER) return undefined;
    throw error;
  }
}

function alreadySet(path: string): BtrieveError {
  const message = 'the file has an owner name already';
  return new BtrieveError(Status.OWNER_ALREADY_SET, message, { file: path });
}

/**
 * Takes the owner name off a file. Returns false if it has none. Throws 51 (it has another one), what
 * Open answers.
 */
export function clearOwnerName(
  client: Client,
  path: string,
  { owner, dryRun = false }: { readonly owner: string; readonly dryRun?: boolean },
): boolean {
  const has = openedFile(client, path, owner, ({ stored }) => hasOwner(stored.owner));
  if (dryRun || !has) return has;
  withOpen(client, path, owner, (block) =>
    client.btrcall(
      Op.CLEAR_OWNER,
      block,
      new Uint8Array(0),
      new Uint32Array(1),
      new Uint8Array(0),
      0,
    ),
  );
  return true;
}

/** Does a call with a file that is open for this client alone. */
function withOpen(
  client: Client,
  path: string,
  owner: string,
  call: (block: Uint8Array) => number,
): void {
  const block = new Uint8Array(128);
  const key = new TextEncoder().encode(`${path}\0`);
  const data = new TextEncoder().encode(`${owner}\0`);
  let status = client.btrcall(Op.OPEN, block, data, Uint32Array.of(data.length), key, -4);
  if (status !== 0) throw failure(client, status, path);
  status = call(block);
  const error = status === 0 ? undefined : failure(client, status, path);
  const none = new Uint8Array(0);
  const closed = client.btrcall(Op.CLOSE, block, none, new Uint32Array(1), none, 0);
  if (error !== undefined) throw error;
  if (closed !== 0) throw failure(client, closed, path);
}

function failure({ lastError }: Client, status: number, path: string): BtrieveError {
  if (lastError?.status === status) return lastError;
  return new BtrieveError(status as Status, 'the owner name cannot be changed', { file: path });
}
