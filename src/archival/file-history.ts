/**
 * The way a file has come: which segments of its archival log are of its own history, and up to where.
 *
 *     timeline 1   ──────────────────┬ ─ ─ ─ ─ ─   left: no more than what might have been
 *                                    │ left at
 *     timeline 2                     └──────────●  the file
 *
 * Invariants:
 * - From the timeline that the file is on back along parents, each up to where it was left.
 * - Where no segment says what came before, the way ends there.
 */
import type { FileSystem } from '../microkernel/ports.js';
import { archiveEntries, type ArchiveEntry } from './archive-reader.js';
import { isCounted } from './roll-forward-chain.js';

/** What a file, and each segment of its log, says of the timeline that it is on. */
export interface OnTimeline {
  readonly timeline: number;
  /** 0: none. */
  readonly timelineParent: number;
  /** The number of the file where it left the parent. */
  readonly timelineLeftAt: number;
}

/** A timeline of the way, and what belongs to it: up to change `upTo`. */
export interface HistoryStep<Segment> {
  readonly timeline: number;
  readonly upTo: number;
  readonly segments: readonly Segment[];
}

/** The steps of a file, the oldest first. `segments` are those of the file alone, in the order they are read. */
export function historyOf<Segment extends OnTimeline>(
  stand: OnTimeline,
  segments: readonly Segment[],
): HistoryStep<Segment>[] {
  const steps: HistoryStep<Segment>[] = [];
  const known = new Set<number>();
  let upTo = Infinity;
  let from: OnTimeline | undefined = stand;
  while (from !== undefined && !known.has(from.timeline)) {
    const { timeline, timelineParent, timelineLeftAt }: OnTimeline = from;
    known.add(timeline);
    const own = segments.filter((each) => each.timeline === timeline);
    steps.unshift({ timeline, upTo, segments: own });
    upTo = Math.min(upTo, timelineLeftAt);
    from = segments.find((each) => each.timeline === timelineParent);
  }
  return steps;
}

/**
 * What a file has gone through, in order; what two segments have is there once. Changes are good until the next
 * entry is asked for. Throws 114 where a segment is damaged.
 */
export function* historyEntries(
  files: FileSystem,
  steps: readonly HistoryStep<{ readonly path: string }>[],
): Generator<ArchiveEntry, void, undefined> {
  let at = 0;
  for (const { upTo, segments } of steps) {
    for (const { path } of segments) {
      for (const entry of archiveEntries(files, path, { afterChangeSeq: at, upTo })) {
        const counts = isCounted(entry);
        if (counts && entry.changeSeq <= at) continue;
        yield entry;
        if (counts) at = entry.changeSeq;
      }
    }
  }
}
