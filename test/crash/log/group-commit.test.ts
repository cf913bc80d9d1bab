/**
 * Power cuts beside group commit: whatever has been answered over the requester under durability is there
 * after a cut, whatever of the rest the disk has kept, and transactions are whole.
 *
 * `RUNS` and `SEED` of the environment say how many cuts, and which; both are printed.
 */
import { expect, it } from 'vitest';
import { MicroKernel } from '../../../src/engine.js';
import { Op } from '../../../src/microkernel/calls/operations.js';
import { Caller, dword } from '../../support/caller.js';
import { newLogWorld, ROOT, worldOf, type LogWorld } from '../../support/log-world.js';
import { Desk } from '../../support/requester-desk.js';
import { randomFrom } from '../world.js';

const RUNS = Number(process.env['RUNS'] ?? 60);
const SEED = Number(process.env['SEED'] ?? Date.now() % 1_000_000_007);
const CLIENTS = 6;
const PATH = '/d/a.btr';

/** The values in the file after a cut that the disk has survived like that. */
function survivors(world: LogWorld, keeps: (index: number) => boolean): Set<number> {
  const { ports } = worldOf(world.disk.crashPoint().imageWith(keeps));
  const engine = MicroKernel.start({ root: ROOT, ports });
  const caller = new Caller(engine.client());
  const { status, block } = caller.open(PATH);
  expect(status).toBe(0);
  const values = new Set<number>();
  for (let op: number = Op.GET_FIRST; ; op = Op.GET_NEXT) {
    const { status: found, data } = caller.call(op, { block, room: 8 });
    if (found !== 0) break;
    values.add(new DataView(data.buffer, data.byteOffset).getUint32(0, true));
  }
  engine.stop();
  return values;
}

it('what was answered is on disk, and transactions are whole', () => {
  const random = randomFrom(SEED);
  const below = (limit: number): number => Math.floor(random() * limit);
  const world = newLogWorld();
  const desk = new Desk({ transactionDurability: true, waitLockTimeoutMs: 1000 }, world.ports);
  const caller = new Caller(desk.engine.client());
  const keys = [[{ offset: 0, length: 4, type: 14 }]];
  expect(caller.create(PATH, { recordLength: 8, keys })).toBe(0);
  for (let client = 1; client <= CLIENTS; client++) desk.open(client);
  const answered = new Set<number>();
  /** Values that are there together, or not at all. */
  const groups: number[][] = [];
  let last = 0;
  for (let run = 0; run < RUNS; run++) {
    const asked = new Map<number, number[]>();
    for (let client = 1; client <= CLIENTS; client++) {
      const values = Array.from({ length: below(4) }, () => ++last);
      const isTransaction = below(3) > 0;
      asked.set(client, values);
      if (isTransaction) desk.ask(client, Op.BEGIN_TRAN + Op.CONCURRENT_BIAS);
      for (const value of values) {
        desk.ask(client, Op.INSERT, { data: [...dword(value), ...dword(run)] });
      }
      if (isTransaction) {
        desk.ask(client, Op.END_TRAN);
        groups.push(values);
      }
    }
    const answers = desk.serve();
    expect(answers.every(({ status }) => status === 0)).toBe(true);
    for (const values of asked.values()) for (const value of values) answered.add(value);
    const share = [0, 0, 1, 0.5][below(4)] ?? 0;
    const found = survivors(world, () => random() < share);
    const lost = [...answered].filter((value) => !found.has(value));
    expect(lost, `seed ${SEED}, cut ${run}`).toEqual([]);
    for (const values of groups) {
      expect(new Set(values.map((value) => found.has(value))).size).toBeLessThan(2);
    }
  }
  desk.engine.stop();
  console.log(`${RUNS} cuts, ${answered.size} records, seed ${SEED}`);
});
