/**
 * The owner name of a data file: what is kept of it, and who may do what.
 *
 * The name itself is not in the file. It is the password of a random file key, which is wrapped by a
 * key derived from it (scrypt, AES key wrap): a name is right if it unwraps.
 *
 *     wrapped key:  salt (16) │ file key wrapped by the owner's key (40) │ by the root's key (40) │ zero
 *
 * The mode that encrypts and yet may be read without the name has the file key wrapped by a key of the
 * engine's root as well: it protects copies taken elsewhere, not against users of this root.
 *
 * Source of the modes: Btrieve API Guide, Set Owner.
 */
import { createCipheriv, createDecipheriv, scryptSync } from 'node:crypto';
import { WRAPPED_KEY_SIZE, type OwnerData } from '../definition/definition-codec.js';
import type { Random } from '../ports.js';
import { BtrieveError, Status } from '../status.js';

/** What an owner name opens. */
export type Access = 'all' | 'read' | 'none';

/** Bytes of an owner name: short, and with the bias of Set Owner for long ones. */
const NAME_LIMIT = 8;
const LONG_NAME_LIMIT = 24;

const SALT_SIZE = 16;
const KEY_SIZE = 32;
const WRAPPED_SIZE = KEY_SIZE + 8;
const ROOT_WRAP_AT = SALT_SIZE + WRAPPED_SIZE;
const WRAP = 'id-aes256-wrap';
const WRAP_IV = Buffer.alloc(8, 0xa6);

/** Flags kept with the owner. */
export const OWNER_FLAG = Object.freeze({
  LONG: 1,
  /** Not all pages are encrypted yet, or plain ones are left in free space. */
  UNFINISHED: 2,
});

/** Modes of Set Owner. */
const MODE_COUNT = 4;
const READABLE = 1;
const ENCRYPTED = 2;

export const NO_OWNER: OwnerData = Object.freeze({
  mode: 0,
  flags: 0,
  wrappedKey: new Uint8Array(WRAPPED_KEY_SIZE),
});

export function hasOwner(owner: OwnerData): boolean {
  return owner.mode !== 0;
}

/** The key of an engine's root, made when it is first needed. */
export type RootKey = () => Uint8Array;

/** What is stored of a new owner. Throws 51 for a name that is none, 160 for an unknown mode. */
export function makeOwner(
  random: Random,
  name: string,
  mode: number,
  isLong: boolean,
  rootKey: RootKey,
): OwnerData {
  const limit = isLong ? LONG_NAME_LIMIT : NAME_LIMIT;
  const size = Buffer.byteLength(name);
  if (name.trim() === '' || size > limit) {
    throw new BtrieveError(Status.INVALID_OWNER, 'this cannot be an owner name', {
      reason: 'owner-name',
      expected: `1 to ${limit} bytes, not all blank`,
      found: `${size} bytes`,
    });
  }
  if (mode >= MODE_COUNT) {
    throw new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, 'there is no such owner mode', {
      reason: 'owner-mode',
      expected: `0 to ${MODE_COUNT - 1}`,
      found: String(mode),
    });
  }
  const fresh = new Uint8Array(SALT_SIZE + KEY_SIZE);
  random.fill(fresh);
  const salt = fresh.subarray(0, SALT_SIZE);
  const fileKey = fresh.subarray(SALT_SIZE);
  const wrappedKey = new Uint8Array(WRAPPED_KEY_SIZE);
  wrappedKey.set(salt);
  wrappedKey.set(wrap(fileKey, derived(name, salt)), SALT_SIZE);
  known.set(wrappedKey, { name, fileKey });
  const isForRoot = (mode & ENCRYPTED) !== 0 && (mode & READABLE) !== 0;
  if (isForRoot) wrappedKey.set(wrap(fileKey, rootKey()), ROOT_WRAP_AT);
  return { mode: mode + 1, flags: isLong ? OWNER_FLAG.LONG : 0, wrappedKey };
}

function wrap(fileKey: Uint8Array, key: Uint8Array): Uint8Array {
  return createCipheriv(WRAP, key, WRAP_IV).update(fileKey);
}

function unwrap(wrapped: Uint8Array, key: Uint8Array): Uint8Array | undefined {
  try {
    return createDecipheriv(WRAP, key, WRAP_IV).update(wrapped);
  } catch {
    return undefined;
  }
}

/**
 * Names that were found right, with what they open, as long as somebody has the file open: deriving a
 * key takes a twentieth of a second, and every open asks twice.
 */
const known = new WeakMap<Uint8Array, { readonly name: string; readonly fileKey: Uint8Array }>();

/** The file key, if the name is right. */
export function unwrapKey({ wrappedKey }: OwnerData, name: string): Uint8Array | undefined {
  const right = known.get(wrappedKey);
  if (right?.name === name) return right.fileKey;
  const wrapped = wrappedKey.subarray(SALT_SIZE, ROOT_WRAP_AT);
  const fileKey = unwrap(wrapped, derived(name, wrappedKey.subarray(0, SALT_SIZE)));
  if (fileKey !== undefined) known.set(wrappedKey, { name, fileKey });
  return fileKey;
}

/** The file key of a file that may be read without the name, at the root that encrypted it. */
export function unwrapForRoot(owner: OwnerData, rootKey: RootKey): Uint8Array | undefined {
  if (!isEncryptedFile(owner) || ((owner.mode - 1) & READABLE) === 0) return undefined;
  return unwrap(owner.wrappedKey.subarray(ROOT_WRAP_AT, ROOT_WRAP_AT + WRAPPED_SIZE), rootKey());
}

/** Whether the pages of the file are encrypted, or on the way to or from it. */
export function isEncryptedFile(owner: OwnerData): boolean {
  return hasOwner(owner) && ((owner.mode - 1) & ENCRYPTED) !== 0;
}

function derived(name: string, salt: Uint8Array): Buffer {
  return scryptSync(name, salt, KEY_SIZE);
}

export function accessOf(owner: OwnerData, name: string): Access {
  if (!hasOwner(owner)) return 'all';
  if (name !== '') return unwrapKey(owner, name) === undefined ? 'none' : 'all';
  return ((owner.mode - 1) & READABLE) !== 0 ? 'read' : 'none';
}
