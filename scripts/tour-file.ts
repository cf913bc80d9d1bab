/** What the tour and its writer share: the layout of its files, and what each transaction writes. */
import {
  autoincrement,
  currency,
  defineRecord,
  key,
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

/** What is owed and paid: with each customer comes one entry, in the same transaction. */
export const Entry = defineRecord(
  { id: autoincrement(4), customer: zstring(30), amount: currency() },
  { keys: { byId: key('id'), byCustomer: key('customer', { duplicates: true }) } },
);
export type Entry = RecordOf<typeof Entry>;

const NAMES = ['Ada', 'Barbara', 'Donald', 'Edsger', 'Grace', 'John', 'Niklaus'];
const CITIES = ['Bern', 'Genève', 'Lugano', 'Zürich'];

/** The customer with a number: what must be there, whoever stored it. */
export function customer(id: number): Customer {
  const name = `${NAMES[id % NAMES.length] ?? ''} ${id}`;
  return { id, name, city: CITIES[id % CITIES.length] ?? '', balance: `${id}.5000` };
}

/** The entry that came with it. */
export function entry(id: number): Entry {
  return { id, customer: customer(id).name, amount: `${id}.5000` };
}
