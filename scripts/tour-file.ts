/** What the tour and its writer share: a file of customers, and an engine of one's own that has it. */
import {
  autoincrement,
  currency,
  defineRecord,
  key,
  MicroKernel,
  zstring,
  type RecordOf,
} from '../src/index.js';

export const Customer = defineRecord(
  { id: autoincrement(4), name: zstring(30), city: zstring(20), balance: currency() },
  {
    keys: {
      byId: key('id'),
      byName: key('name', { duplicates: true, modifiable: true, ignoreCase: true }),
      byCity: key('city', { duplicates: 'repeating', modifiable: true }),
    },
  },
);
export type Customer = RecordOf<typeof Customer>;

const NAMES = ['Ada', 'Barbara', 'Donald', 'Edsger', 'Grace', 'John', 'Niklaus'];
const CITIES = ['Bern', 'Genève', 'Lugano', 'Zürich'];

/** The customer with a number: what must be there, whoever stored it. */
export function customer(id: number): Customer {
  const name = `${NAMES[id % NAMES.length] ?? ''} ${id}`;
  return { id, name, city: CITIES[id % CITIES.length] ?? '', balance: `${id}.5000` };
}

/** An engine and the file. Whoever has it ends it with `engine.stop()`. */
export function openCustomers(root: string, path: string) {
  const engine = MicroKernel.start({ root });
  try {
    return { engine, file: engine.client().openFile(path, Customer) };
  } catch (error) {
    engine.stop();
    throw error;
  }
}
