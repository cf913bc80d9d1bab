/**
 * The operation codes of the classic call, and what is added to them.
 *
 * Source of the numbers: Btrieve API Guide. Names are the known ones without their prefix.
 */

/** Every operation by name. */
export const Op = Object.freeze({
  OPEN: 0,
  CLOSE: 1,
  INSERT: 2,
  UPDATE: 3,
  DELETE: 4,
  GET_EQUAL: 5,
  GET_NEXT: 6,
  GET_PREVIOUS: 7,
  GET_GT: 8,
  GET_GE: 9,
  GET_LT: 10,
  GET_LE: 11,
  GET_FIRST: 12,
  GET_LAST: 13,
  CREATE: 14,
  STAT: 15,
  /** No longer supported: status 1. */
  EXTEND: 16,
  SET_DIR: 17,
  GET_DIR: 18,
  BEGIN_TRAN: 19,
  END_TRAN: 20,
  ABORT_TRAN: 21,
  GET_POSITION: 22,
  GET_DIRECT: 23,
  STEP_NEXT: 24,
  STOP: 25,
  VERSION: 26,
  UNLOCK: 27,
  RESET: 28,
  SET_OWNER: 29,
  CLEAR_OWNER: 30,
  BUILD_INDEX: 31,
  DROP_INDEX: 32,
  STEP_FIRST: 33,
  STEP_LAST: 34,
  STEP_PREVIOUS: 35,
  GET_NEXT_EXTENDED: 36,
  GET_PREV_EXTENDED: 37,
  STEP_NEXT_EXT: 38,
  STEP_PREVIOUS_EXT: 39,
  EXT_INSERT: 40,
  /** Internal to the original: status 1. */
  MISC_DATA: 41,
  CONTINUOUS: 42,
  SEEK_PERCENT: 44,
  GET_PERCENT: 45,
  CHUNK_UPDATE: 53,
  EXTENDED_STAT: 65,
  LOGIN: 78,

  // What is added
  KEY_BIAS: 50,
  S_WAIT_LOCK: 100,
  S_NOWAIT_LOCK: 200,
  M_WAIT_LOCK: 300,
  M_NOWAIT_LOCK: 400,
  NOWRITE_WAIT: 500,
  CONCURRENT_BIAS: 1000,
  LONG_OWNER_BIAS: 17_000,
});

/** What a call asks for. */
export interface Call {
  /** Without anything added. */
  readonly op: number;
  /** 0 or one of the four lock biases. */
  readonly lock: number;
  /** Get Key: the value of the key, and no record. */
  readonly keyOnly: boolean;
  /** Do not wait where a write meets a lock. */
  readonly noWait: boolean;
  readonly concurrent: boolean;
  readonly longOwner: boolean;
}

const LOCK_BIAS_MAX = 400;
const KNOWN = new Set<number>(
  Object.values(Op).filter((code) => code < 100 && code !== Op.KEY_BIAS && code !== Op.EXTEND),
);
KNOWN.delete(Op.MISC_DATA);

/** Operations that a lock bias may be added to. */
const LOCKING = new Set<number>([
  Op.INSERT,
  Op.UPDATE,
  Op.DELETE,
  Op.GET_EQUAL,
  Op.GET_NEXT,
  Op.GET_PREVIOUS,
  Op.GET_GT,
  Op.GET_GE,
  Op.GET_LT,
  Op.GET_LE,
  Op.GET_FIRST,
  Op.GET_LAST,
  Op.BEGIN_TRAN,
  Op.GET_DIRECT,
  Op.STEP_NEXT,
  Op.STEP_FIRST,
  Op.STEP_LAST,
  Op.STEP_PREVIOUS,
  Op.GET_NEXT_EXTENDED,
  Op.GET_PREV_EXTENDED,
  Op.STEP_NEXT_EXT,
  Op.STEP_PREVIOUS_EXT,
  Op.SEEK_PERCENT,
  Op.CHUNK_UPDATE,
]);

/** Writes, and the beginning of a concurrent transaction, may be told not to wait. */
const NO_WAIT = new Set<number>([Op.INSERT, Op.UPDATE, Op.DELETE, Op.CHUNK_UPDATE, Op.EXT_INSERT]);

/** Undefined if the code is unknown, or what is added to it does not go with it. */
function decode(code: number): Call | undefined {
  const longOwner = code === Op.LONG_OWNER_BIAS + Op.SET_OWNER;
  let rest = longOwner ? Op.SET_OWNER : code;
  const concurrent = rest >= Op.CONCURRENT_BIAS;
  if (concurrent) rest -= Op.CONCURRENT_BIAS;
  const noWait = rest >= Op.NOWRITE_WAIT;
  if (noWait) rest -= Op.NOWRITE_WAIT;
  const lock = Math.floor(rest / 100) * 100;
  rest -= lock;
  const op = isKeyRead(rest - Op.KEY_BIAS) ? rest - Op.KEY_BIAS : rest;
  const keyOnly = op !== rest;
  const isKnown = KNOWN.has(op) && lock <= LOCK_BIAS_MAX && (!concurrent || op === Op.BEGIN_TRAN);
  if (!isKnown || (lock > 0 && !LOCKING.has(op))) return undefined;
  if (noWait && !NO_WAIT.has(op) && !concurrent) return undefined;
  return { op, lock, keyOnly, noWait, concurrent, longOwner };
}

function isKeyRead(op: number): boolean {
  return op >= Op.GET_EQUAL && op <= Op.GET_LAST;
}

const CODE_LIMIT = 2000;
const LONG_OWNER = decode(Op.LONG_OWNER_BIAS + Op.SET_OWNER);
/** Decoded once, since a call comes with every operation. */
const CALLS: readonly (Call | undefined)[] = Array.from({ length: CODE_LIMIT }, (_, code) =>
  decode(code),
);

/** What a code asks for; undefined if it is not valid (status 1). */
export function callOf(code: number): Call | undefined {
  return code === Op.LONG_OWNER_BIAS + Op.SET_OWNER ? LONG_OWNER : CALLS[code];
}
