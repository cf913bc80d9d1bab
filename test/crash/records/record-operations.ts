/**
 * One operation each, small enough that every single call to the disk can be made to fail in turn.
 *
 * Unlike the scenarios, they say what the operation is, so that it can be asked for once more when all
 * is well again.
 */
import { FORMS, type Form } from './record-forms.js';
import { PATH, type Player, type Scenario } from './record-lab.js';
import { deleteSome, filled, NAME } from './record-scenarios.js';
import type { Session } from './record-world.js';

export interface OperationScript extends Scenario {
  /** Missing where there is nothing to do it in: a file is made. */
  readonly operation?: (session: Session) => void;
}

interface Place {
  readonly form: Form;
  readonly records: number;
  /** Done to the file before. */
  readonly after?: (session: Session) => void;
}

/** Opens, does it, takes it to the disk, and closes. */
function script(
  name: string,
  { form, records, after }: Place,
  operation: (session: Session) => void,
): OperationScript {
  return {
    name,
    // Every operation is taken to the disk as it ends, and files grow by what they need.
    options: { settings: { operationBundleLimit: 1, fileGrowthFactor: 0 } },
    before: filled(form, records, after),
    run: (player) => {
      const session = player.open();
      operation(session);
      session.complete();
      session.verify();
      session.close();
    },
    operation,
  };
}

/** The same record however often it is asked for. */
function first({ state }: Session): number {
  return state.addresses[0] ?? 0;
}

/** A new record with a variable part of so many bytes. */
function insertWith(length: number): (session: Session) => void {
  return (session) => {
    const image = new Uint8Array(session.state.form.fixed + length).fill(0x2e);
    image.set(session.newRecord().subarray(0, session.state.form.fixed));
    session.insert(image);
  };
}

/** All records get variable parts of so many bytes. */
function resized(length: number): (session: Session) => void {
  return (session) => {
    for (const address of session.state.addresses) {
      session.resize(address, session.state.form.fixed + length);
    }
  };
}

const FEW: Place = { form: FORMS.fixed, records: 14 };
const PARTS: Place = { form: FORMS.roomy, records: 8, after: resized(120) };
const LONG: Place = { form: FORMS.long, records: 2, after: resized(3000) };

const ON_RECORDS: readonly OperationScript[] = [
  script('one inserted', FEW, (session) => session.insert()),
  script('one inserted, with a part', PARTS, insertWith(300)),
  script('one inserted, with a long part', LONG, insertWith(2500)),
  script('one changed, in its keys', FEW, (session) => session.change(first(session), 'keys')),
  script('one changed, its part grows', PARTS, (session) => session.resize(first(session), 400)),
  script('one changed, its part shrinks', PARTS, (session) => session.resize(first(session), 40)),
  script('one changed, its part gets long', LONG, (session) =>
    session.resize(first(session), 5000),
  ),
  script('one changed, a piece of it', LONG, (session) => session.patch(first(session), 900, 700)),
  script('one changed, a piece behind it', LONG, (session) => session.append(first(session), 1500)),
  script('one changed, a piece ends it', LONG, (session) => session.cut(first(session), 60, 6)),
  script('one removed', FEW, (session) => session.remove(first(session))),
  script('one removed, with a part', PARTS, (session) => session.remove(first(session))),
  script('one removed, with a long part', LONG, (session) => session.remove(first(session))),
];

const DEEP: Place = { form: FORMS.deep, records: 40 };
const OWNED: Place = { ...PARTS, after: (session) => session.setOwner(NAME, 2) };
const READABLE: Place = { ...PARTS, after: (session) => session.setOwner(NAME, 1) };

const ON_FILES: readonly OperationScript[] = [
  script('one index made', { ...FEW, records: 6 }, (session) => session.createIndex('both', 4)),
  script('one index dropped', DEEP, (session) => session.dropIndex(0)),
  script('owner set', PARTS, (session) => session.setOwner(NAME, 0)),
  script('owner set, encrypted', { ...PARTS, after: deleteSome }, (session) =>
    session.setOwner(NAME, 2),
  ),
  script('owner cleared', READABLE, (session) => session.clearOwner()),
  script('owner cleared, decrypted', OWNED, (session) => session.clearOwner()),
];

const CREATIONS: readonly OperationScript[] = [
  { name: 'file made', run: (player) => player.create(FORMS.preallocated) },
  {
    name: 'file made over another',
    before: filled(FORMS.fixed, 6),
    run: (player: Player) => player.create(FORMS.blanks, PATH),
  },
];

export const OPERATIONS: readonly OperationScript[] = [...ON_RECORDS, ...ON_FILES, ...CREATIONS];
