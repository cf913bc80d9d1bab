/** Lists of a few things in no certain order, which come and go with each transaction. */

/** Removes one, if it is there; the last takes its place. `splice` would make an array of what it removes. */
export function removeFrom<T>(list: T[], one: T): void {
  const at = list.indexOf(one);
  if (at < 0) return;
  const last = list.pop();
  if (last !== undefined && at < list.length) list[at] = last;
}
