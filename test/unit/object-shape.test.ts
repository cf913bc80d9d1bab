/** Objects of large classes stay fast when all earlier ones of their class are gone. */
import { readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import ts from 'typescript';
import { expect, test } from 'vitest';
import { keepShape, settleShape } from '../../src/microkernel/object-shape.js';

/** So many private fields are in no hash table in any case; Node 20 makes one for sixteen, brands of methods included. */
const FEW = 12;

type OfObject = (object?: object) => unknown;

/** A function that V8 has with a flag. It has to be called once while the flag is set, to be compiled. */
function withFlag(flag: string, source: string): OfObject {
  setFlagsFromString(`--${flag}`);
  const made = runInNewContext(source) as OfObject;
  made({});
  setFlagsFromString(`--no-${flag}`);
  return made;
}

const collect = withFlag('expose-gc', 'gc');
const isFast = withFlag('allow-natives-syntax', '(object) => %HasFastProperties(object)');

/** A class of many private fields, each of its own. */
function largeClass(settle: (complete: object) => void): new (needed?: string) => object {
  const names = Array.from({ length: 2 * FEW }, (_, n) => `#field${n}`);
  const source = `(settle) => class {
    ${names.map((name) => `${name};`).join(' ')}
    constructor(needed) {
      ${names.map((name) => `this.${name} = needed.length;`).join(' ')}
      settle(this);
    }
  }`;
  return (runInNewContext(source) as (by: typeof settle) => new (needed?: string) => object)(
    settle,
  );
}

test('an object has its fields in itself although all before it are gone', async () => {
  const Large = largeClass(settleShape);
  // In a function of its own, or the last one would be held until there is the next.
  const make = (): unknown => isFast(new Large('given'));
  for (let each = 0; each < 20; each++) {
    expect(make()).toBe(true);
    // What the last one looked like is kept for two collections.
    for (let n = 0; n < 3; n++) {
      collect();
      await new Promise(setImmediate);
    }
  }
});

test('the last object of a class is held, and no other', async () => {
  const Large = largeClass(keepShape);
  const first = new WeakRef(new Large('a'));
  const collectAll = async (): Promise<void> => {
    // What a weak reference was asked for lives until its task has ended.
    await new Promise(setImmediate);
    collect();
  };
  await collectAll();
  expect(first.deref() === undefined).toBe(false);
  const second = new WeakRef(new Large('b'));
  await collectAll();
  expect(first.deref() === undefined).toBe(true);
  expect(second.deref() === undefined).toBe(false);
});

test('no object is made when the shape is settled already', () => {
  let made = 0;
  const Large = largeClass((complete) => {
    made++;
    settleShape(complete);
  });
  const two = [new Large('a'), new Large('b')];
  expect(made).toBe(two.length);
});

test('what a constructor throws without its arguments goes nowhere, and one that takes none ends', () => {
  let made = 0;
  class Contented {
    readonly number: number;

    constructor() {
      this.number = made++;
      settleShape(this);
    }
  }
  expect(new Contented().number).toBe(0);
  expect(made).toBe(9);
});

const ROOT = fileURLToPath(new URL('../../src/', import.meta.url));
/** What calls of programs go through. */
const sources = ['microkernel', 'logging']
  .flatMap((folder) =>
    readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => `${folder}/${name}`),
  )
  .concat('archival/archive-log.ts');

function classesIn(path: string): ts.ClassDeclaration[] {
  const text = readFileSync(ROOT + path, 'utf8');
  const tree = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  return tree.statements.filter((statement) => ts.isClassDeclaration(statement));
}

function isField(member: ts.ClassElement): boolean {
  const isStatic = (ts.getCombinedModifierFlags(member) & ts.ModifierFlags.Static) !== 0;
  return ts.isPropertyDeclaration(member) && !isStatic;
}

test.each(sources)('classes of many fields in %s settle their shape', (path) => {
  const large = classesIn(path).filter(({ members }) => members.filter(isField).length > FEW);
  const loose = large.filter((each) => !/(settle|keep)Shape\(this\);\n {2}}/.test(each.getText()));
  expect(loose.map(({ name }) => name?.text)).toEqual([]);
});
