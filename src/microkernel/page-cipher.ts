/**
 * Encryption of the pages of a protected file: AES-256-GCM with a random nonce for each time a page is
 * written, both in the page's trailer.
 *
 *     header (clear) │ encrypted │ nonce (12) │ tag (16)
 *
 * The header stays clear, so that a page can be checked without the key. What it says (type, space,
 * number, generation) and the file's identity are authenticated with the rest: a page cannot be put in
 * the place of another one or of a later state of itself.
 *
 * Invariants:
 * - In memory pages are plain and their trailers zero. Whether a page on disk is encrypted is said by
 *   its nonce alone, so a file may be of both kinds while it is being encrypted.
 * - Definition pages and those of the page allocation table are never encrypted.
 */
import { createCipheriv, createDecipheriv } from 'node:crypto';
import { isBlank, setU53 } from './bytes.js';
import { FIRST_OWN_PAGE_TYPE, OWN_PAGE_TYPE, PAGE_HEADER, PAGE_TRAILER } from './layout.js';
import type { Random } from './ports.js';

const ALGORITHM = 'aes-256-gcm';
const NONCE_SIZE = 12;
const TAG_SIZE = 16;

export class PageCipher {
  /** Pages are encrypted when they are written; else they are only decrypted when they are read. */
  writes = true;
  readonly #key: Uint8Array;
  readonly #random: Random;
  readonly #pageSize: number;
  /** The file's identity and a page's header, as they are authenticated. */
  readonly #known: Uint8Array;
  readonly #uuidSize: number;

  constructor(key: Uint8Array, uuid: Uint8Array, pageSize: number, random: Random) {
    this.#key = key;
    this.#random = random;
    this.#pageSize = pageSize;
    this.#uuidSize = uuid.length;
    this.#known = new Uint8Array(uuid.length + PAGE_HEADER.size - PAGE_HEADER.type);
    this.#known.set(uuid);
  }

  /** Whether a page of this type is encrypted when it is written. */
  protects(type: number): boolean {
    return this.writes && type >= FIRST_OWN_PAGE_TYPE && type !== OWN_PAGE_TYPE.DEFINITION;
  }

  /** The page at `base` as it goes to disk in a generation, but for its checksum. */
  encrypt(bytes: Uint8Array, base: number, generation: number): Uint8Array {
    const page = new Uint8Array(new SharedArrayBuffer(this.#pageSize));
    page.set(bytes.subarray(base, base + PAGE_HEADER.size));
    setU53(new DataView(page.buffer), PAGE_HEADER.generation, generation);
    const trailerAt = this.#pageSize - PAGE_TRAILER.size;
    // What the random source fills must not be shared memory.
    const nonce = new Uint8Array(NONCE_SIZE);
    do this.#random.fill(nonce);
    while (isBlank(nonce));
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce);
    cipher.setAAD(this.#authenticated(page, 0));
    const plain = bytes.subarray(base + PAGE_HEADER.size, base + trailerAt);
    page.set(cipher.update(plain), PAGE_HEADER.size);
    cipher.final();
    page.set(nonce, trailerAt + PAGE_TRAILER.nonce);
    page.set(cipher.getAuthTag(), trailerAt + PAGE_TRAILER.tag);
    return page;
  }

  /** Makes the page at `base` plain. False if it is not what was encrypted with this key. */
  decrypt(bytes: Uint8Array, base: number): boolean {
    const trailerAt = base + this.#pageSize - PAGE_TRAILER.size;
    const nonceAt = trailerAt + PAGE_TRAILER.nonce;
    const tagAt = trailerAt + PAGE_TRAILER.tag;
    const decipher = createDecipheriv(
      ALGORITHM,
      this.#key,
      bytes.slice(nonceAt, nonceAt + NONCE_SIZE),
    );
    decipher.setAAD(this.#authenticated(bytes, base));
    decipher.setAuthTag(bytes.slice(tagAt, tagAt + TAG_SIZE));
    const plain = decipher.update(bytes.slice(base + PAGE_HEADER.size, trailerAt));
    try {
      decipher.final();
    } catch {
      return false;
    }
    bytes.set(plain, base + PAGE_HEADER.size);
    bytes.fill(0, trailerAt, trailerAt + PAGE_TRAILER.size);
    return true;
  }

  /** Bytes of the file that are kept elsewhere, encrypted: nonce, what was encrypted, tag. */
  seal(plain: Uint8Array): Uint8Array {
    const sealed = new Uint8Array(NONCE_SIZE + plain.length + TAG_SIZE);
    const nonce = sealed.subarray(0, NONCE_SIZE);
    this.#random.fill(nonce);
    const cipher = createCipheriv(ALGORITHM, this.#key, nonce);
    cipher.setAAD(this.#known.subarray(0, this.#uuidSize));
    sealed.set(cipher.update(plain), NONCE_SIZE);
    cipher.final();
    sealed.set(cipher.getAuthTag(), NONCE_SIZE + plain.length);
    return sealed;
  }

  /** What was sealed; undefined if it is not that, or of another file. */
  unseal(sealed: Uint8Array): Uint8Array | undefined {
    return unsealBytes(this.#key, this.#known.subarray(0, this.#uuidSize), sealed);
  }

  #authenticated(bytes: Uint8Array, base: number): Uint8Array {
    const header = bytes.subarray(base + PAGE_HEADER.type, base + PAGE_HEADER.size);
    this.#known.set(header, this.#uuidSize);
    return this.#known;
  }
}

/** What was sealed with a key for the file of an identity; undefined if it is not that. */
export function unsealBytes(
  key: Uint8Array,
  uuid: Uint8Array,
  sealed: Uint8Array,
): Uint8Array | undefined {
  if (sealed.length < NONCE_SIZE + TAG_SIZE) return undefined;
  const end = sealed.length - TAG_SIZE;
  const decipher = createDecipheriv(ALGORITHM, key, sealed.slice(0, NONCE_SIZE));
  decipher.setAAD(uuid);
  decipher.setAuthTag(sealed.slice(end));
  const plain = decipher.update(sealed.subarray(NONCE_SIZE, end));
  try {
    decipher.final();
  } catch {
    return undefined;
  }
  return plain;
}

/** Whether a page as it was read from disk is encrypted. */
export function isEncrypted(
  bytes: Uint8Array,
  view: DataView,
  base: number,
  size: number,
): boolean {
  if (view.getUint8(base + PAGE_HEADER.type) < FIRST_OWN_PAGE_TYPE) return false;
  const nonceAt = base + size - PAGE_TRAILER.size + PAGE_TRAILER.nonce;
  return view.getUint32(nonceAt) !== 0 || !isBlank(bytes.subarray(nonceAt, nonceAt + NONCE_SIZE));
}
