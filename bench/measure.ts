/** Measuring and printing: medians of interleaved rounds, each figure beside its goal. */

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
}

export function geometricMean(values: readonly number[]): number {
  return Math.exp(values.reduce((sum, value) => sum + Math.log(value), 0) / values.length);
}

/** Milliseconds that `work` takes. */
export function time(work: () => void): number {
  const began = performance.now();
  work();
  return performance.now() - began;
}

export interface Row {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** `at most` or `at least` this; none if the figure is there for comparison. */
  readonly goal?: readonly ['<=' | '>=', number];
  readonly note?: string;
}

export function meets({ value, goal }: Row): boolean {
  if (goal === undefined) return true;
  const [relation, bound] = goal;
  return relation === '<=' ? value <= bound : value >= bound;
}

export function format(row: Row): string {
  const { goal } = row;
  const shown = row.value >= 100 ? row.value.toFixed(0) : row.value.toPrecision(3);
  return [
    row.name.padEnd(58),
    `${shown} ${row.unit}`.padStart(14),
    (goal === undefined ? '' : `goal ${goal[0]} ${goal[1]} ${row.unit}`).padStart(26),
    goal === undefined ? '' : meets(row) ? ' met ' : ' MISSED',
    row.note ?? '',
  ].join(' ');
}
