/** The version of this package, as its `package.json` has it. */
import { createRequire } from 'node:module';

// By the package's own name, because the sources and the compiled files lie at different depths.
const { version: found } = createRequire(import.meta.url)('isamite/package.json') as {
  version: string;
};

/** Version of the engine, for instance `0.1.0`. */
export const version: string = found;
