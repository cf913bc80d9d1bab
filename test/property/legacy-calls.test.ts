/**
 * Positions in an original file and in a file of this engine with the same records: the same calls, at
 * random, must have the same answers. Record addresses differ, so they are told by the record's number.
 *
 * Two position blocks take turns in each file, so that what one does to the file's own places is seen by the
 * other. `RUNS` and `SEED` of the environment say how many scripts, and which; both are printed.
 */
import { test } from 'vitest';
import { LegacyFile } from '../../src/legacy/legacy-file.js';
import { createFile, fileDefinition, MicroKernel, Op } from '../../src/index.js';
import { assert } from '../../src/microkernel/assert.js';
import { randomFrom } from '../crash/world.js';
import { addressBytes, addressFrom, Caller, word, type CallResult } from '../support/caller.js';
import { extendedReadBuffer, extendedRecords } from '../support/caller.js';
import { memoryPorts } from '../support/memory-view.js';
import { madeOriginals, putFile, type TestOriginal } from '../support/originals.js';

const RUNS = Number(process.env['RUNS'] ?? 30);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const CALLS = 150;
const ROOM = 8192;
const NO_KEY = -1;

/** One of the two files: where its records are, in the order of the original. */
interface Side {
  readonly caller: Caller;
  readonly blocks: readonly Uint8Array[];
  readonly addresses: readonly number[];
}

function physical(
  caller: Caller,
  block: Uint8Array,
): { addresses: number[]; images: Uint8Array[] } {
  const addresses: number[] = [];
  const images: Uint8Array[] = [];
  for (let op: number = Op.STEP_FIRST; ; op = Op.STEP_NEXT) {
    const { status, data } = caller.call(op, { block, room: 200_000 });
    if (status === 9) return { addresses, images };
    assert(status === 0, 'a step finds a record');
    addresses.push(caller.position(block));
    images.push(data.slice());
  }
}

function sideOf(caller: Caller, path: string, owner: string): Side & { images: Uint8Array[] } {
  const blocks = [caller.open(path, 0, owner).block, caller.open(path, 0, owner).block];
  const first = blocks[0] ?? new Uint8Array(128);
  const found = physical(caller, first);
  caller.call(Op.CLOSE, { block: first });
  const again = [caller.open(path, 0, owner).block, ...blocks.slice(1)];
  return { caller, blocks: again, ...found };
}

type Random = () => number;

function pick<T>(random: Random, of: readonly T[]): T {
  const found = of[Math.floor(random() * of.length)];
  assert(found !== undefined, 'there is something to pick from');
  return found;
}

const KEYED = [
  ...[Op.GET_EQUAL, Op.GET_NEXT, Op.GET_NEXT, Op.GET_PREVIOUS, Op.GET_PREVIOUS, Op.GET_GT],
  ...[Op.GET_GE, Op.GET_LT, Op.GET_LE, Op.GET_FIRST, Op.GET_LAST],
];
const STEPS = [Op.STEP_NEXT, Op.STEP_PREVIOUS, Op.STEP_FIRST, Op.STEP_LAST];
const EXTENDED = [
  ...[Op.GET_NEXT_EXTENDED, Op.GET_PREV_EXTENDED, Op.STEP_NEXT_EXT, Op.STEP_PREVIOUS_EXT],
];

interface Step {
  readonly op: number;
  readonly block: number;
  readonly keyNumber: number;
  readonly key: Uint8Array;
  readonly room: number;
  /** Of Get Direct: which record. */
  readonly record?: number;
  readonly data?: readonly number[];
}

interface Values {
  readonly numbers: readonly number[];
  readonly value: (random: Random, number: number) => Uint8Array;
  readonly records: number;
}

function makeStep(random: Random, { numbers, value, records }: Values, usual: number): Step {
  const block = random() < 0.8 ? 0 : 1;
  const keyNumber = random() < 0.75 ? usual : pick(random, [...numbers, 99]);
  const key = value(random, keyNumber);
  const room = random() < 0.1 ? Math.floor(random() * 60) : ROOM;
  const common = { block, keyNumber, key, room };
  const kind = random();
  if (kind < 0.55) {
    const bias = random() < 0.15 ? Op.KEY_BIAS : random() < 0.1 ? Op.S_NOWAIT_LOCK : 0;
    return { ...common, op: pick(random, KEYED) + bias };
  }
  if (kind < 0.7) return { ...common, op: pick(random, STEPS) };
  if (kind < 0.8 && records > 0) {
    const number = random() < 0.2 ? NO_KEY : keyNumber;
    const record = Math.floor(random() * records);
    return { ...common, op: Op.GET_DIRECT, keyNumber: number, record, room: ROOM };
  }
  if (kind < 0.92) {
    const fields = [{ offset: 0, length: 4 }];
    const start = pick(random, ['EG', 'UC'] as const);
    const count = 1 + Math.floor(random() * 4);
    const data = extendedReadBuffer({ start, count, fields });
    return { ...common, op: pick(random, EXTENDED), data, room: ROOM };
  }
  if (kind < 0.96) return { ...common, op: Op.UNLOCK, keyNumber: 0 };
  return { ...common, op: Op.GET_POSITION, room: 4 };
}

/** What a call has answered, in terms that both files share. */
function answer({ caller, blocks, addresses }: Side, step: Step): unknown {
  const { op, room, key, keyNumber, record } = step;
  const block = blocks[step.block] ?? new Uint8Array(128);
  const address = record === undefined ? [] : addressBytes(addresses[record] ?? 0);
  const data = step.data ?? address;
  const result = caller.call(op, { block, data, room, key, keyNumber });
  const at = addresses.indexOf(caller.position(block));
  return {
    status: result.status,
    at,
    key: Buffer.from(result.key).toString('base64'),
    data: dataOf(op, result, addresses),
  };
}

function dataOf(op: number, { status, data }: CallResult, addresses: readonly number[]): unknown {
  if (op === Op.GET_POSITION) return status === 0 ? addresses.indexOf(addressFrom(data, 0)) : [];
  // What is refused leaves the address where it was.
  if (op === Op.GET_DIRECT && ![0, 22].includes(status)) return [];
  if (!EXTENDED.some((each) => each === op)) return Buffer.from(data).toString('base64');
  const isAnswer = [0, 9, 60, 64].includes(status);
  if (!isAnswer || data.length < 2) return [];
  return extendedRecords(data).map(({ address, image }) => [addresses.indexOf(address), ...image]);
}

function play(original: TestOriginal, seed: number): void {
  const random = randomFrom(seed);
  const ports = memoryPorts(1);
  const engine = MicroKernel.start({ root: '/d/root', ports });
  try {
    const client = engine.client();
    const caller = new Caller(client);
    putFile(ports.files, '/d/old.btr', original.bytes());
    const old = sideOf(caller, '/d/old.btr', original.owner);
    const { owner } = original;
    const legacy = LegacyFile.open('/d/old.btr', { files: ports.files, owner });
    const definition = fileDefinition(client, '/d/old.btr', owner);
    createFile(client, '/d/new.btr', definition, { replace: false });
    const { block } = caller.open('/d/new.btr');
    for (const data of old.images) {
      const { status } = caller.call(Op.INSERT, { block, data, keyNumber: NO_KEY });
      assert(status === 0, 'the record goes into the other file');
    }
    const own = sideOf(caller, '/d/new.btr', '');
    const numbers = definition.keys.map(({ number }) => number);
    const value = (more: Random, number: number): Uint8Array => {
      const into = new Uint8Array(255);
      const key = legacy.keys.find((each) => each.definition.number === number);
      if (key === undefined || old.images.length === 0) return into;
      legacy.index(number).codec.extract(pick(more, old.images), 0, into);
      if (more() < 0.3) into[Math.floor(more() * key.keyLength)] = Math.floor(more() * 256);
      return into;
    };
    const values = { numbers, value, records: old.images.length };
    const usual = pick(random, numbers);
    for (let number = 0; number < CALLS; number++) {
      const step = makeStep(random, values, usual);
      const [ours, theirs] = [answer(own, step), answer(old, step)];
      if (JSON.stringify(ours) === JSON.stringify(theirs)) continue;
      const what = { call: number, op: step.op, keyNumber: step.keyNumber, block: step.block };
      throw new Error(
        `${original.name}: ${JSON.stringify(what)}\nown:      ${JSON.stringify(ours)}\noriginal: ${JSON.stringify(theirs)}`,
      );
    }
    legacy.close();
  } finally {
    engine.stop();
  }
}

const originals = madeOriginals();

test(`positions in original files are those in others (${RUNS} scripts, seed ${SEED})`, () => {
  const random = randomFrom(SEED);
  for (let run = 0; run < RUNS; run++) {
    const seed = Math.floor(random() * 1_000_000_007);
    const original = originals[run % originals.length];
    assert(original !== undefined, 'there are made files');
    play(original, seed);
  }
}, 600_000);

test('percentages lead to records of both files', () => {
  for (const original of originals) {
    const ports = memoryPorts(1);
    const engine = MicroKernel.start({ root: '/d/root', ports });
    const caller = new Caller(engine.client());
    putFile(ports.files, '/d/old.btr', original.bytes());
    const { block } = caller.open('/d/old.btr', 0, original.owner);
    let last = -1;
    for (const share of [0, 1000, 3333, 5000, 9000, 10_000]) {
      const at = caller.call(Op.SEEK_PERCENT, { block, data: word(share), room: ROOM });
      assert([0, 9].includes(at.status), 'a share leads to a record, unless the index has none');
      if (at.status !== 0) continue;
      const found = caller.call(Op.GET_PERCENT, { block, room: 2, key: at.key });
      const percent = (found.data[0] ?? 0) + 256 * (found.data[1] ?? 0);
      assert(found.status === 0 && percent >= last, 'shares go up');
      last = percent;
    }
    engine.stop();
  }
});
