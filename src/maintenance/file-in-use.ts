/**
 * Reading a data file below the engine that has it open, for checks, rescues and dumps, which believe only what is
 * on disk, while others go on working in it.
 *
 * Invariants:
 * - What is read is the file at one moment, with all that was committed by then, as far as that could be written.
 * - The file is not changed, and it is not closed before the reader has ended.
 */
import type { Client, EngineInternals } from '../client.js';
import type { OpenFile } from '../microkernel/files/open-file.js';
import { NodeFileSystem } from '../microkernel/node-files.js';
import type { FileHandle, FileOpenMode, FileSystem } from '../microkernel/ports.js';
import { BtrieveError, Status } from '../microkernel/status.js';
import { runTask, type Task } from './task.js';

/** A file that an engine has open, for reading. */
export interface FileInUse {
  /** The disk, with the file as it was at the moment. */
  readonly files: FileSystem;
  /** Its delta, which is in that too, if it is in continuous operation. */
  readonly delta: string | undefined;
  /** Why what was committed last is not on disk. */
  readonly unwritten: string | undefined;
}

/**
 * Does something with a file: as the client's engine has it open, or with undefined where there is no client, or its
 * engine has not. What is written meanwhile goes on. What freezes the file or rolls in its delta has the reader come to its
 * end first, and so has a disk without room for what is overwritten. Throws 3 if the engine is stopped before that.
 */
export function* readingInUse<R>(
  client: Client | undefined,
  path: string,
  read: (file: FileInUse | undefined) => Task<R>,
): Task<R> {
  const internals = client?.internals;
  const file = internals?.files.openAt(path);
  if (internals === undefined || file === undefined) return yield* read(undefined);
  const { files, engine } = internals;
  const isLogged = files.attach(file);
  try {
    return yield* readingImage(file, path, engine, read);
  } finally {
    files.detach(file, isLogged);
  }
}

/** Takes what was committed to the disk; why it cannot, if it cannot. */
function write({ pages }: OpenFile): string | undefined {
  try {
    pages.complete();
    return undefined;
  } catch (error) {
    if (error instanceof BtrieveError) return error.message;
    throw error;
  }
}

function* readingImage<R>(
  file: OpenFile,
  path: string,
  engine: EngineInternals,
  read: (file: FileInUse) => Task<R>,
): Task<R> {
  const { pages } = file;
  const unwritten = write(file);
  let task: Task<R> | undefined;
  let ended: (() => R) | undefined;
  const image = pages.takeImage({
    comeToAnEnd: () => {
      if (task !== undefined) ended = endOf(task);
    },
    overflow: () => engine.namelessFile(),
  });
  try {
    const delta = pages.overlay?.delta.path;
    task = read({ files: new DiskWithImage(path, image), delta, unwritten });
    for (;;) {
      const step = task.next();
      if (step.done === true) return step.value;
      yield step.value;
      // What others did meanwhile may have brought it to its end.
      if (ended !== undefined) return ended();
      if (image.isEnded) throw closed(path);
    }
  } finally {
    // Of a task that has ended this does nothing.
    task?.return(undefined as R);
    image.end();
  }
}

function closed(file: string): BtrieveError {
  const message = 'the engine has closed the file before it was read to its end';
  return new BtrieveError(Status.FILE_NOT_OPEN, message, { file });
}

/** What the rest of a task comes to: its result, or what it throws. */
function endOf<R>(task: Task<R>): () => R {
  try {
    const result = runTask(task);
    return () => result;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

class DiskWithImage extends NodeFileSystem {
  readonly #path: string;
  readonly #image: FileHandle;

  constructor(path: string, image: FileHandle) {
    super({ worker: 'never' });
    this.#path = path;
    this.#image = image;
  }

  override open(path: string, mode: FileOpenMode): FileHandle {
    return path === this.#path && mode === 'read' ? this.#image : super.open(path, mode);
  }
}
