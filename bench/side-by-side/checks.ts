/** Whether a store has what it was given: a store that is fast because it forgets is none to compare with. */
import { NAME, idOf } from './records.js';
import type { Bench } from './workloads.js';

const SAMPLE = 500;

function nameIn(record: Buffer): string {
  return record.toString('latin1', NAME.at, NAME.at + NAME.length);
}

/** Some records, byte for byte, and that somebody is found by their names. */
export async function checkSome(bench: Bench): Promise<void> {
  const { store, records, chance, deleted, added } = bench;
  for (let n = 0; n < SAMPLE; n++) {
    const index = chance.below(records.count + added);
    const found = store.getById(idOf(index));
    const isGone = deleted.has(index);
    const isRight =
      found === undefined ? isGone : !isGone && store.toRecord(found).equals(records.of(index));
    if (!isRight) throw new Error(`record ${index} is not what it should be`);
    if (isGone) continue;
    const name = records.nameOf(index);
    const named = await store.getByName(name);
    if (named !== undefined && nameIn(store.toRecord(named)) === name) continue;
    throw new Error(`nobody is found by the name ${name}`);
  }
}

/** That all records come in the order of their names, and no others. */
export async function checkNames({ store, records, deleted, added }: Bench): Promise<void> {
  const all = records.count + added;
  let before = '';
  const count = await store.scanByName(all + 1, (found) => {
    const name = nameIn(store.toRecord(found));
    if (name < before) throw new Error(`${name} comes behind ${before}`);
    before = name;
  });
  if (count === all - deleted.size) return;
  throw new Error(`there are ${count} records by name, and not ${all - deleted.size}`);
}
