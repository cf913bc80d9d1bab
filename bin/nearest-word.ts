/** Which word was meant by one that is none: pure, for messages. */

/** Letters that may be wrong, missing or too many; changed places count as one. */
const MOST = 2;
/** Nobody mistypes so long a word. */
const LONGEST = 40;

/** The word that is nearest to another one, or that goes on where it ends; undefined if none is near. */
export function nearest(word: string, words: readonly string[]): string | undefined {
  if (word === '' || word.length > LONGEST) return undefined;
  const most = Math.min(MOST, Math.floor(word.length / 2));
  const [best] = words
    .map((each) => ({ each, distance: distanceOf(word, each) }))
    .filter(({ distance }) => distance <= most)
    .toSorted((a, b) => a.distance - b.distance);
  return best?.each ?? words.find((each) => word.length > 1 && each.startsWith(word));
}

/** Insertions, deletions, replacements and swaps of neighbours that make one word of the other. */
function distanceOf(one: string, other: string): number {
  let before: number[] = [];
  let last = Array.from({ length: other.length + 1 }, (_, at) => at);
  for (let row = 1; row <= one.length; row++) {
    const next = [row];
    for (let at = 1; at <= other.length; at++) {
      const isSame = one[row - 1] === other[at - 1];
      const isSwapped = one[row - 1] === other[at - 2] && one[row - 2] === other[at - 1];
      next[at] = Math.min(
        (next[at - 1] ?? 0) + 1,
        (last[at] ?? 0) + 1,
        (last[at - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped && row > 1 && at > 1 ? (before[at - 2] ?? 0) + 1 : Infinity,
      );
    }
    before = last;
    last = next;
  }
  return last[other.length] ?? 0;
}
