/**
 * Long work in steps. A task is a generator that says now and then how far it is: whoever runs it may
 * draw that, do something else in between, or end it early with `return`, upon which it takes back what
 * is half done.
 */

/** How far a task is. */
export interface TaskProgress {
  readonly done: number;
  /** Undefined if nobody knows. */
  readonly total: number | undefined;
  /** What is counted, for instance `records`. */
  readonly unit: string;
}

/** Work that goes on each time it is asked to, until it returns its result. */
export type Task<R> = Generator<TaskProgress, R, void>;

/** So many records are worked on between two steps of a task. */
export const RECORDS_PER_STEP = 512;

/**
 * Runs a task to its end.
 *
 * @example
 * ```ts
 * cloneFile(client, 'orders.btr', 'new.btr');
 * const { inserted } = runTask(copyRecords(client, 'orders.btr', 'new.btr'));
 * console.log(inserted); // 2
 * ```
 */
export function runTask<R>(task: Task<R>, onProgress?: (progress: TaskProgress) => void): R {
  for (;;) {
    const { done, value } = task.next();
    if (done === true) return value;
    onProgress?.(value);
  }
}
