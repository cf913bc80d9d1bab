/** What is crashed: record operations and changes of whole data files, on every kind of file. */
import { SYSTEM_KEY } from '../../../src/microkernel/files/file-key.js';
import { BtrieveError, Status } from '../../../src/microkernel/status.js';
import type { SimFileSystem } from '../../support/sim-files.js';
import { FORMS, type Form, type KeyName } from './record-forms.js';
import { PATH, Player, type Scenario } from './record-lab.js';
import { DIRECTORY, RecordWorld, type RecordWorldOptions, type Session } from './record-world.js';

export const NAME = 'sesame';

function insertMany(session: Session, count: number): void {
  for (let n = 0; n < count; n++) session.insert();
}

/** A file with so many records, closed cleanly. */
export function filled(form: Form, count: number, after?: (session: Session) => void) {
  return (player: Player): undefined => {
    player.create(form);
    const session = player.open();
    insertMany(session, count);
    after?.(session);
    session.close();
    return undefined;
  };
}

function bundles(operationBundleLimit: number): Partial<RecordWorldOptions> {
  return { settings: { operationBundleLimit } };
}

/** Random operations, with a system transaction every few of them. */
function mixture(player: Player, sessions: number, operations: number): void {
  for (let n = 0; n < sessions; n++) {
    const session = player.open();
    for (let step = 0; step < operations; step++) {
      session.anything();
      if (session.pick(6) === 0) session.complete();
    }
    session.verify();
    session.close();
  }
}

/** One kind of operation on one record after another, each taken to the disk. */
function each(
  player: Player,
  count: number,
  operation: (session: Session, address: number) => void,
): void {
  const session = player.open();
  for (let n = 0; n < count; n++) {
    const address = session.anyAddress();
    if (address !== undefined) operation(session, address);
    session.complete();
  }
  session.verify();
  session.close();
}

const KINDS: readonly (readonly [form: Form, records: number, operations: number])[] = [
  [FORMS.fixed, 25, 14],
  [FORMS.counting, 25, 14],
  [FORMS.blanks, 16, 14],
  [FORMS.roomy, 14, 14],
  [FORMS.compressed, 12, 12],
  [FORMS.dataOnly, 20, 14],
  [FORMS.keyOnly, 30, 14],
  [FORMS.long, 3, 7],
  [FORMS.deep, 30, 12],
  [FORMS.balanced, 30, 12],
  [FORMS.larger, 40, 12],
];

/** All kinds of operations on all kinds of files. */
const MIXED: readonly Scenario[] = KINDS.map(([form, records, operations], number) => ({
  name: `mixed, ${form.name}`,
  options: bundles(1 + (number % 4)),
  before: filled(form, records),
  run: (player) => mixture(player, 2, operations),
  fails: [FORMS.fixed, FORMS.blanks, FORMS.long].includes(form as never),
}));

const RECORDS: readonly Scenario[] = [
  {
    name: 'records inserted one by one',
    options: bundles(1),
    run: (player) => {
      player.create(FORMS.fixed);
      const session = player.open();
      for (let n = 0; n < 8; n++) {
        session.insert();
        session.complete();
      }
      session.close();
    },
  },
  {
    name: 'many records in one system transaction',
    before: filled(FORMS.fixed, 5),
    run: (player) => {
      const session = player.open();
      insertMany(session, 60);
      session.complete();
      for (const address of session.state.addresses.slice(3, 50)) session.remove(address);
      session.close();
    },
  },
  {
    name: 'all deleted, and begun again',
    options: bundles(5),
    before: filled(FORMS.blanks, 15),
    run: (player) => {
      const session = player.open();
      for (const address of session.state.addresses) session.remove(address);
      session.complete();
      insertMany(session, 12);
      session.verify();
      session.close();
    },
  },
  {
    name: 'keys changed',
    options: bundles(1),
    before: filled(FORMS.fixed, 30),
    run: (player) => each(player, 8, (session, address) => session.change(address, 'keys')),
  },
  {
    name: 'keys not changed',
    before: filled(FORMS.fixed, 30),
    run: (player) => each(player, 8, (session, address) => session.change(address, 'rest')),
  },
  {
    name: 'deleted one by one',
    before: filled(FORMS.counting, 12),
    run: (player) => each(player, 12, (session, address) => session.remove(address)),
  },
  {
    name: 'refused, and gone on',
    options: bundles(2),
    before: filled(FORMS.fixed, 10),
    run: (player) => {
      const session = player.open();
      for (let n = 0; n < 5; n++) {
        session.clash();
        session.anything();
        refusedUpdate(session);
      }
      session.close();
    },
    fails: true,
  },
  {
    name: 'killed in the middle of an operation bundle',
    options: bundles(4),
    before: (player) => killed(player, FORMS.fixed, 12, 9),
    run: (player) => mixture(player, 1, 10),
  },
  {
    name: 'killed later in an operation bundle',
    options: bundles(4),
    before: (player) => killed(player, FORMS.roomy, 12, 26),
    run: (player) => mixture(player, 1, 10),
  },
];

function expectStatus(expected: number, work: () => void): void {
  let status = 0;
  try {
    work();
  } catch (error) {
    if (!(error instanceof BtrieveError)) throw error;
    ({ status } = error);
    if (status !== expected) throw error;
  }
  if (status !== expected) throw new Error(`there was no status ${expected}`);
}

/** Key 0 is not modifiable. */
function refusedUpdate(session: Session): void {
  const [one, other] = session.state.addresses;
  if (one === undefined || other === undefined) return;
  const image = session.state.image(other);
  expectStatus(Status.MODIFIABLE_KEYVALUE_ERROR, () => session.update(one, image));
}

/** The process is killed at some step; what it wrote is in the system's memory, and not on disk. */
function killed(player: Player, form: Form, records: number, step: number): SimFileSystem {
  filled(form, records)(player);
  const { disk } = player.world;
  disk.cutPowerAt(disk.steps + step);
  try {
    mixture(new Player(new RecordWorld(disk, { seed: step }), player.models), 2, 20);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'PowerCut') throw error;
  }
  return disk.processDeath();
}

/** Variable parts: in their page, moved to another, with pages of their own, and pieces of them. */
const PARTS: readonly Scenario[] = [
  {
    name: 'variable parts grow',
    options: bundles(1),
    before: filled(FORMS.roomy, 12),
    run: (player) =>
      each(player, 9, (session, address) => {
        const { length } = session.state.image(address);
        session.resize(address, length + 20 + session.pick(260));
      }),
    fails: true,
  },
  {
    name: 'variable parts shrink',
    options: bundles(2),
    before: filled(FORMS.roomy, 14),
    run: (player) =>
      each(player, 9, (session, address) => {
        const { length } = session.state.image(address);
        session.resize(address, 32 + session.pick(length - 31));
      }),
  },
  {
    name: 'fragments move to and fro',
    options: bundles(1),
    before: filled(FORMS.blanks, 14),
    run: (player) =>
      each(player, 12, (session, address) =>
        session.resize(address, session.pick(2) === 0 ? 360 : 40),
      ),
  },
  {
    name: 'compressed records grow and shrink',
    options: bundles(2),
    before: filled(FORMS.compressed, 10),
    run: (player) => each(player, 9, (session, address) => session.change(address, 'rest')),
  },
  {
    name: 'pieces of long records',
    options: bundles(1),
    before: filled(FORMS.long, 4, (session) => {
      for (const address of session.state.addresses) session.resize(address, 900);
    }),
    run: (player) =>
      each(player, 7, (session, address) => {
        const { length } = session.state.image(address);
        const at = 24 + session.pick(length - 24);
        session.patch(address, at, Math.min(length - at, 700));
        session.append(address, 300 + session.pick(4000));
        session.cut(address, 40 + session.pick(length), 6);
      }),
  },
  {
    name: 'pieces that keys are made of',
    options: bundles(1),
    before: filled(FORMS.roomy, 10),
    run: (player) =>
      each(player, 6, (session, address) => session.patch(address, session.pick(4) + 4, 3)),
  },
  {
    name: 'parts get tables, and lose them',
    options: bundles(1),
    before: filled(FORMS.long, 2),
    run: (player) => {
      const session = player.open();
      const address = session.anyAddress() ?? 0;
      for (const length of [40, 14_000, 16_200, 13_000, 60, 17_000]) {
        session.resize(address, length);
        session.complete();
      }
      session.verify();
      session.close();
    },
  },
];

/** Pages of indexes: split, joined, shared out, a level more and a level less. */
const TREES: readonly Scenario[] = [FORMS.deep, FORMS.balanced].flatMap((form) => [
  {
    name: `splits, ${form.name}`,
    options: bundles(3),
    before: filled(form, 8),
    run: (player: Player) => {
      const session = player.open();
      insertMany(session, 45);
      session.verify();
      session.close();
    },
  },
  {
    name: `merges, ${form.name}`,
    options: bundles(3),
    before: filled(form, 50),
    run: (player: Player) => {
      const session = player.open();
      while (session.state.size > 2) session.remove(session.anyAddress() ?? 0);
      session.verify();
      session.close();
    },
  },
]);

const LEFTOVERS = ['a.dat.isamite-made', 'a.dat.isamite-made.isamite-new'];

const CREATIONS: readonly Scenario[] = [
  {
    name: 'create',
    run: (player) => {
      player.create(FORMS.fixed);
      const session = player.open();
      session.insert();
      session.close();
    },
    fails: true,
  },
  {
    name: 'create over a file',
    before: filled(FORMS.fixed, 10),
    run: (player) => {
      player.create(FORMS.blanks);
      const session = player.open();
      insertMany(session, 3);
      session.close();
    },
    fails: true,
  },
  {
    name: 'create twice over a file in use',
    before: filled(FORMS.fixed, 10),
    run: (player) => {
      for (const form of [FORMS.blanks, FORMS.keyOnly]) {
        const session = player.open();
        insertMany(session, 2);
        session.close();
        player.create(form);
      }
    },
  },
  {
    name: 'create beside leftovers',
    before: (player) => {
      filled(FORMS.dataOnly, 4)(player);
      for (const name of LEFTOVERS) {
        player.world.disk.putFile(`${DIRECTORY}/${name}`, new Uint8Array(700).fill(9));
      }
      return undefined;
    },
    run: (player) => player.create(FORMS.fixed),
  },
  {
    name: 'create with preallocated pages',
    before: filled(FORMS.fixed, 4),
    run: (player) => {
      player.create(FORMS.preallocated);
      const session = player.open();
      insertMany(session, 10);
      session.close();
    },
    fails: true,
  },
  ...[3, 9, 14, 22, 28, 29].map((kill) => ({
    name: `killed at step ${kill} of creating, then created again`,
    before: (player: Player) => killedCreating(player, kill),
    run: (player: Player) => player.create(FORMS.dataOnly),
  })),
  ...[28, 29].map((kill) => ({
    name: `killed at step ${kill} of creating, then used`,
    before: (player: Player) => killedCreating(player, kill),
    run: (player: Player) => {
      const session = player.open();
      session.insert();
      session.complete();
      session.anything();
      session.close();
    },
  })),
];

/** The 28th step gives the new file its name, the 29th makes that durable. */
function killedCreating(player: Player, kill: number): SimFileSystem {
  filled(FORMS.fixed, 3)(player);
  const { disk } = player.world;
  disk.cutPowerAt(disk.steps + kill);
  try {
    new Player(new RecordWorld(disk, { seed: kill }), player.models).create(FORMS.blanks);
  } catch (error) {
    if (!(error instanceof Error) || error.name !== 'PowerCut') throw error;
  }
  return disk.processDeath();
}

const MADE: readonly (readonly [name: string, form: Form, key: KeyName, number: number])[] = [
  ['unique', FORMS.blanks, 'number', 2],
  ['linked', FORMS.fixed, 'both', 4],
  ['linked, a number left out', FORMS.blanks, 'group', 7],
  ['repeating', FORMS.larger, 'letters', 5],
];

/** In the middle of which somebody stops at most moments, so recovery is crashed often. */
const STRUCTURE = { deeperOneIn: 5 };

const INDEXES: readonly Scenario[] = [
  ...MADE.map(([name, form, key, number]) => ({
    name: `index made, ${name}`,
    ...STRUCTURE,
    options: bundles(1),
    before: filled(form, 60),
    run: (player: Player) => {
      const session = player.open();
      session.anything();
      session.createIndex(key, number);
      session.anything();
      session.verify();
      session.close();
    },
    fails: name === 'linked',
  })),
  {
    name: 'index refused, for there are duplicates',
    ...STRUCTURE,
    options: bundles(2),
    before: filled(FORMS.fixed, 40),
    run: (player) => {
      const session = player.open();
      expectStatus(Status.DUPLICATE_KEY_VALUE, () => session.createIndex('clash', 4));
      session.anything();
      session.verify();
      session.close();
    },
    fails: true,
  },
  {
    name: 'index dropped',
    ...STRUCTURE,
    options: bundles(1),
    before: filled(FORMS.fixed, 90),
    run: (player) => {
      const session = player.open();
      session.anything();
      session.dropIndex(1);
      session.anything();
      session.dropIndex(0, false);
      session.anything();
      session.verify();
      session.close();
    },
    fails: true,
  },
  {
    name: 'large index dropped',
    ...STRUCTURE,
    options: bundles(1),
    before: filled(FORMS.deep, 190),
    run: (player) => {
      const session = player.open();
      session.dropIndex(0);
      session.anything();
      session.close();
    },
  },
  {
    name: 'index dropped and made again',
    ...STRUCTURE,
    options: bundles(3),
    before: filled(FORMS.fixed, 40),
    run: (player) => {
      const session = player.open();
      session.dropIndex(1, false);
      insertMany(session, 3);
      session.createIndex('group', 1);
      session.anything();
      session.verify();
      session.close();
    },
  },
  {
    name: 'index of system keys dropped and made again',
    ...STRUCTURE,
    options: bundles(3),
    before: filled(FORMS.counting, 40),
    run: (player) => {
      const session = player.open();
      session.dropIndex(SYSTEM_KEY);
      session.insert();
      session.remove(session.anyAddress() ?? 0);
      session.createSystemIndex();
      session.anything();
      session.verify();
      session.close();
    },
  },
];

const OWNERS: readonly Scenario[] = [
  ...[0, 1, 2, 3].map((mode) => ({
    name: `owner of mode ${mode} set`,
    ...STRUCTURE,
    before: filled(FORMS.roomy, 14, (session) => deleteSome(session)),
    run: (player: Player) => {
      const session = player.open();
      session.anything();
      session.setOwner(NAME, mode);
      for (let n = 0; n < 3; n++) session.anything();
      session.verify();
      session.close();
    },
    fails: mode === 0 || mode === 2,
  })),
  ...[0, 2, 3].map((mode) => ({
    name: `owner of mode ${mode} cleared`,
    ...STRUCTURE,
    before: filled(FORMS.roomy, 12, (session) => session.setOwner(NAME, mode)),
    run: (player: Player) => {
      const session = player.open();
      session.anything();
      session.clearOwner();
      for (let n = 0; n < 3; n++) session.anything();
      session.verify();
      session.close();
    },
    fails: mode === 2,
  })),
  {
    name: 'owner set, cleared and set, with an index made',
    ...STRUCTURE,
    options: bundles(3),
    before: filled(FORMS.fixed, 30),
    run: (player) => {
      const session = player.open();
      session.setOwner(NAME, 3);
      session.createIndex('both', 4);
      session.clearOwner();
      session.insert();
      session.setOwner(NAME, 2);
      session.dropIndex(0);
      session.verify();
      session.close();
    },
  },
  {
    name: 'mixed, encrypted',
    options: bundles(3),
    before: filled(FORMS.blanks, 12, (session) => session.setOwner(NAME, 2)),
    run: (player) => mixture(player, 2, 10),
  },
];

/** So that there is plain text in free pages. */
export function deleteSome(session: Session): void {
  session.complete();
  for (const address of session.state.addresses.slice(0, 5)) session.remove(address);
  session.complete();
}

const OTHERS: readonly Scenario[] = [
  {
    name: 'two files',
    options: bundles(2),
    run: (player) => {
      const other = `${DIRECTORY}/b.dat`;
      player.create(FORMS.fixed);
      player.create(FORMS.blanks, other);
      const sessions = [player.open(), player.open(other)];
      for (let n = 0; n < 8; n++) for (const session of sessions) session.anything();
      for (const session of sessions) session.close();
    },
  },
  {
    name: 'small cache',
    options: { cacheSize: 48 * 1024, settings: { operationBundleLimit: 50 } },
    before: filled(FORMS.deep, 220),
    run: (player) => {
      const session = player.open(PATH);
      for (let n = 0; n < 90; n++) session.anything();
      session.verify();
      session.close();
    },
    fails: true,
  },
];

/** Does something for which there is no room on the disk, until there is. */
function withFullDisk(session: Session, work: () => void): void {
  const { disk } = session.world;
  session.complete();
  disk.capacity = disk.snapshotFile(PATH).length;
  expectStatus(Status.DISKFULL, work);
  session.chooseState();
  session.verify();
  disk.capacity = undefined;
}

/** Inserts until no more pages than this are free. */
function fillUpTo(session: Session, free: number): void {
  while (session.file.pages.control.freePhysical > free) {
    session.insert();
    session.complete();
  }
}

/** Or the disk was full too early, or too late, to show anything. */
function demandHalfEncrypted({ world, state }: Session): void {
  const { encrypted, plain } = world.countPages(PATH, state.form.definition.pageSize);
  if (encrypted > 0 && plain > 0) return;
  throw new Error(`there are ${encrypted} encrypted pages and ${plain} plain ones`);
}

/** A file is written anew in several steps, and this is room for the first of them only. */
const HALF_WAY = { settings: { fileGrowthFactor: 0, operationBundleLimit: 1 } };
const ROOM_FOR_SOME = 12;

const FULL_DISKS: readonly Scenario[] = [
  {
    name: 'disk full while an index is made',
    ...STRUCTURE,
    options: { settings: { fileGrowthFactor: 0 } },
    before: filled(FORMS.fixed, 60),
    run: (player) => {
      const session = player.open();
      withFullDisk(session, () => session.createIndex('both', 4));
      session.anything();
      session.createIndex('both', 4);
      session.verify();
      session.close();
    },
  },
  {
    name: 'disk full at the beginning of an index',
    ...STRUCTURE,
    options: { settings: { fileGrowthFactor: 0 } },
    before: filled(FORMS.dataOnly, 4),
    run: (player) => {
      const session = player.open();
      fillUpTo(session, 1);
      withFullDisk(session, () => session.createIndex('id', 0));
      session.createIndex('id', 0);
      session.verify();
      session.close();
    },
  },
  {
    name: 'disk full while an owner is set and cleared',
    ...STRUCTURE,
    options: HALF_WAY,
    before: filled(FORMS.roomy, 30, deleteSome),
    run: (player) => {
      const session = player.open();
      fillUpTo(session, ROOM_FOR_SOME);
      withFullDisk(session, () => session.setOwner(NAME, 2));
      demandHalfEncrypted(session);
      session.setOwner(NAME, 2);
      session.insert();
      fillUpTo(session, ROOM_FOR_SOME);
      withFullDisk(session, () => session.clearOwner());
      demandHalfEncrypted(session);
      session.clearOwner();
      session.verify();
      session.close();
    },
  },
  {
    name: 'disk full while an owner is cleared, and set again',
    ...STRUCTURE,
    options: HALF_WAY,
    before: filled(FORMS.roomy, 30, (session) => session.setOwner(NAME, 2)),
    run: (player) => {
      const session = player.open();
      fillUpTo(session, ROOM_FOR_SOME);
      withFullDisk(session, () => session.clearOwner());
      demandHalfEncrypted(session);
      session.setOwner(NAME, 2);
      session.verify();
      session.close();
      player.world.demandSealed(PATH, FORMS.roomy.definition.pageSize);
    },
  },
];

const DEFINITIONS: readonly Scenario[] = [
  {
    name: 'definition gets shorter by pages',
    ...STRUCTURE,
    options: bundles(2),
    before: filled(FORMS.wide, 4),
    run: (player) => {
      const session = player.open();
      while (session.state.keys[0]?.number === 0) session.dropIndex(0);
      session.anything();
      session.verify();
      session.close();
    },
  },
];

export const SCENARIOS: readonly Scenario[] = [
  ...MIXED,
  ...RECORDS,
  ...PARTS,
  ...TREES,
  ...CREATIONS,
  ...INDEXES,
  ...OWNERS,
  ...FULL_DISKS,
  ...DEFINITIONS,
  ...OTHERS,
];
