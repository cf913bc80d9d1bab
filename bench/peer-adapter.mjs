/**
 * Isamite as one of the stores of somebody else's side-by-side benchmark: `meta` and `open`, as its harness asks for
 * them. `own-setup.mjs` says what the records are.
 *
 * `ISAMITE_API` chooses how it is called: `classic` (default), `typed`, or `engine`, which is below both.
 * `ISAMITE_CACHE_MB` sets the cache.
 */
const { ISAMITE_API: api = 'classic' } = process.env;
if (!['classic', 'typed', 'engine'].includes(api)) throw new Error(`ISAMITE_API: no ${api}`);

export const { meta, open } = await import(`./own-${api}.mjs`);
