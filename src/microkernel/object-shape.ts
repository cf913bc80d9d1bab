/**
 * Objects of classes that every call goes through keep their fields in themselves, and their shape, when all others of
 * their class are gone.
 *
 * V8 gives the first objects of a class room to spare, and with the seventh it decides for all later ones how many
 * fields they need: as many as objects of the class have that are not garbage by then. If each was collected before the
 * next was made, as with a file that is opened and closed now and then, that is none. Fields lie in an array beside the
 * object from then on, and sixteen private ones in a hash table, which compiled code does not look into: after fourteen
 * openings with a collection between each two, a get took 2.5 µs instead of 0.6, an update 7.0 instead of 2.8 (Node 20;
 * docs/performance.md).
 *
 * What V8 has compiled for a shape goes with the last object of it. So `keepShape` holds the last one until there is
 * the next: opened again after a collection, a file takes 6 µs for each of the first 20,000 records, where it took 10
 * (docs/performance.md). Caches are emptied, ciphers let go and files closed by then, so it is a skeleton that is held.
 */

/** Those whose objects have their size. */
const settled = new WeakSet<object>();

/** The last object of each class. */
const last = new Map<object, object>();

/** As many objects as V8 waits for, at the least. */
const ENOUGH = 8;

/**
 * Makes V8 decide on the size of the objects of a class while there is one with all fields. For the end of a constructor of more
 * than twelve fields. The class is constructed without arguments for that, which may throw, but may not do
 * anything outside of the object.
 */
export function settleShape(complete: object): void {
  const { constructor } = complete;
  if (settled.has(constructor)) return;
  settled.add(constructor);
  for (let made = 0; made < ENOUGH; made++) attempt(constructor);
}

/**
 * The same, and the object is held until there is the next of its class, with all that it holds: for those that live as
 * long as a file, a client or an engine.
 */
export function keepShape(complete: object): void {
  settleShape(complete);
  // Behind that, which may have made others.
  last.set(complete.constructor, complete);
}

function attempt(constructor: unknown): void {
  try {
    Reflect.construct(constructor as new () => object, []);
  } catch {
    // It misses its arguments. The object was there before that.
  }
}
