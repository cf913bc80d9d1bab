/**
 * Habits worth keeping, kept by a test: imports go one way, third parties have one door each, and
 * some things do not stay in the sources.
 *
 * A new file goes into `LAYERS`, in the layer it belongs to. If it must import a neighbour of the
 * same layer, the pair goes into `WITHIN_A_LAYER`; think first whether it belongs a layer higher.
 */
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { posix } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { describe, expect, test } from 'vitest';

interface LayerDeclaration {
  readonly layer: string;
  /** The layers that may be imported; all lower ones if not given. */
  readonly mayImport?: readonly string[];
  /** Paths in `src`, or from `bin` on, without the extension. */
  readonly modules: readonly string[];
}

/** Lowest first. A module may import from lower layers. */
const LAYERS: readonly LayerDeclaration[] = [
  {
    layer: 'ground',
    modules: [
      'microkernel/assert',
      'microkernel/ports',
      'microkernel/disk-error',
      'microkernel/status',
      'microkernel/bytes',
      'microkernel/layout-table',
      'microkernel/chunked-array',
    ],
  },
  { layer: 'layout', modules: ['microkernel/layout'] },
  { layer: 'structures', modules: ['microkernel/fcr', 'microkernel/pat'] },
  {
    layer: 'keys',
    modules: [
      'microkernel/keys/key-definition',
      'microkernel/keys/key-types',
      'microkernel/keys/code-pages',
      'microkernel/keys/collation',
      'microkernel/keys/segment-encodings',
      'microkernel/keys/key-codec',
    ],
  },
  {
    layer: 'pages',
    modules: [
      'microkernel/page-cache',
      'microkernel/page-cipher',
      'microkernel/page-device',
      'microkernel/page-view',
      'microkernel/control-pages',
      'microkernel/page-table',
      'microkernel/fcr-choice',
      'microkernel/file-creation',
      'microkernel/file-opening',
      'microkernel/free-space',
      'microkernel/logical-pages',
      'microkernel/system-transaction',
      'microkernel/page-file',
    ],
  },
  {
    layer: 'trees',
    modules: [
      'microkernel/trees/index-page',
      'microkernel/trees/b-tree',
      'microkernel/trees/check-tree',
    ],
  },
  {
    layer: 'definition',
    modules: [
      'microkernel/definition/file-definition',
      'microkernel/definition/specifications',
      'microkernel/definition/slot-layout',
      'microkernel/definition/key-rules',
      'microkernel/definition/file-rules',
      'microkernel/definition/create-buffer',
      'microkernel/definition/stat-buffer',
      'microkernel/definition/definition-codec',
    ],
  },
  {
    // Declared records; the engine below works on bytes.
    layer: 'record layouts',
    mayImport: ['ground', 'keys', 'definition'],
    modules: [
      'records/text-encodings',
      'records/decimal-digits',
      'records/field-codec',
      'records/number-codecs',
      'records/calendar-codecs',
      'records/text-codecs',
      'records/record-fields',
      'records/key-declarations',
      'records/key-extremes',
      'records/layout-types',
      'records/layout-places',
      'records/layout-keys',
      'records/record-layout',
    ],
  },
  {
    layer: 'records',
    modules: [
      'microkernel/records/compression',
      'microkernel/records/long-part',
      'microkernel/records/variable-page',
      'microkernel/records/variable-store',
      'microkernel/records/record-slots',
      'microkernel/records/record-store',
    ],
  },
  {
    layer: 'calls',
    modules: [
      'microkernel/calls/operations',
      'microkernel/calls/extended-read',
      'microkernel/calls/chunks',
      'microkernel/calls/extended-insert',
      'microkernel/calls/stat-extended',
    ],
  },
  { layer: 'checks', modules: ['microkernel/check'] },
  {
    layer: 'files',
    modules: [
      'microkernel/files/autoincrement',
      'microkernel/files/owner',
      'microkernel/files/record-locks',
      'microkernel/files/file-key',
      'microkernel/files/definition-pages',
      'microkernel/files/create-file',
      'microkernel/files/data-file',
      'microkernel/files/open-file',
      'microkernel/files/indexes',
      'microkernel/files/file-table',
      'microkernel/files/check-content',
    ],
  },
  {
    layer: 'clients',
    modules: [
      'microkernel/clients/position-block',
      'microkernel/clients/paths',
      'microkernel/clients/position',
      'microkernel/clients/handle',
      'microkernel/clients/record-calls',
      'microkernel/clients/chunk-calls',
      'microkernel/clients/extended-calls',
      'microkernel/clients/information-calls',
      'microkernel/clients/file-calls',
      'microkernel/clients/client',
    ],
  },
  {
    // They implement the ports, so the engine proper and they know nothing of each other.
    layer: 'plug-ins',
    mayImport: ['ground', 'layout', 'structures'],
    modules: ['microkernel/io-worker', 'microkernel/node-files', 'microkernel/node-ports'],
  },
  // The one place that knows everybody: builds and wires.
  {
    layer: 'engine',
    modules: ['check-file', 'version', 'settings', 'typed-file', 'client', 'engine'],
  },
  { layer: 'public API', modules: ['index'] },
  { layer: 'outcomes', mayImport: [], modules: ['bin/grammar', 'bin/outcome'] },
  { layer: 'commands', mayImport: ['public API', 'outcomes'], modules: ['bin/commands/check'] },
  {
    layer: 'command line',
    mayImport: ['public API', 'outcomes', 'commands'],
    modules: ['bin/command-line', 'bin/butil'],
  },
];

/** Imports between modules of one layer: who imports whom. */
const WITHIN_A_LAYER: Readonly<Record<string, readonly string[]>> = {
  'microkernel/disk-error': ['microkernel/ports'],
  'microkernel/status': ['microkernel/ports'],
  'microkernel/bytes': ['microkernel/assert'],
  'microkernel/layout-table': ['microkernel/assert'],
  'microkernel/fcr': ['microkernel/pat'],
  'microkernel/keys/collation': ['microkernel/keys/code-pages'],
  'microkernel/keys/segment-encodings': [
    'microkernel/keys/collation',
    'microkernel/keys/key-definition',
    'microkernel/keys/key-types',
  ],
  'microkernel/keys/key-codec': [
    'microkernel/keys/collation',
    'microkernel/keys/key-definition',
    'microkernel/keys/key-types',
    'microkernel/keys/segment-encodings',
  ],
  'microkernel/page-device': ['microkernel/page-cipher'],
  'microkernel/page-view': ['microkernel/page-cache'],
  'microkernel/page-table': ['microkernel/page-cache', 'microkernel/page-device'],
  'microkernel/file-creation': ['microkernel/page-device', 'microkernel/page-table'],
  'microkernel/file-opening': [
    'microkernel/fcr-choice',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/free-space': [
    'microkernel/page-cache',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/logical-pages': [
    'microkernel/page-cache',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/system-transaction': [
    'microkernel/control-pages',
    'microkernel/free-space',
    'microkernel/logical-pages',
    'microkernel/page-cache',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/page-file': [
    'microkernel/control-pages',
    'microkernel/file-creation',
    'microkernel/file-opening',
    'microkernel/free-space',
    'microkernel/logical-pages',
    'microkernel/page-cache',
    'microkernel/page-cipher',
    'microkernel/page-device',
    'microkernel/page-table',
    'microkernel/page-view',
    'microkernel/system-transaction',
  ],
  'microkernel/trees/b-tree': ['microkernel/trees/index-page'],
  'microkernel/trees/check-tree': ['microkernel/trees/b-tree', 'microkernel/trees/index-page'],
  'microkernel/definition/slot-layout': ['microkernel/definition/file-definition'],
  'microkernel/definition/key-rules': [
    'microkernel/definition/file-definition',
    'microkernel/definition/specifications',
  ],
  'microkernel/definition/file-rules': [
    'microkernel/definition/file-definition',
    'microkernel/definition/key-rules',
    'microkernel/definition/slot-layout',
    'microkernel/definition/specifications',
  ],
  'microkernel/definition/create-buffer': [
    'microkernel/definition/file-definition',
    'microkernel/definition/file-rules',
    'microkernel/definition/key-rules',
    'microkernel/definition/specifications',
  ],
  'microkernel/definition/stat-buffer': [
    'microkernel/definition/file-definition',
    'microkernel/definition/specifications',
  ],
  'microkernel/definition/definition-codec': [
    'microkernel/definition/file-definition',
    'microkernel/definition/file-rules',
    'microkernel/definition/slot-layout',
  ],
  'records/decimal-digits': ['records/text-encodings'],
  'records/number-codecs': ['records/decimal-digits', 'records/field-codec'],
  'records/calendar-codecs': ['records/field-codec'],
  'records/text-codecs': ['records/field-codec', 'records/text-encodings'],
  'records/record-fields': [
    'records/calendar-codecs',
    'records/decimal-digits',
    'records/field-codec',
    'records/number-codecs',
    'records/text-codecs',
    'records/text-encodings',
  ],
  'records/layout-types': ['records/key-declarations', 'records/record-fields'],
  'records/layout-places': ['records/field-codec', 'records/layout-types', 'records/record-fields'],
  'records/layout-keys': [
    'records/field-codec',
    'records/key-declarations',
    'records/layout-places',
  ],
  'records/record-layout': [
    'records/field-codec',
    'records/key-extremes',
    'records/layout-keys',
    'records/layout-places',
    'records/layout-types',
    'records/text-encodings',
  ],
  'microkernel/records/long-part': ['microkernel/records/variable-page'],
  'microkernel/records/variable-store': [
    'microkernel/records/long-part',
    'microkernel/records/variable-page',
  ],
  'microkernel/records/record-store': [
    'microkernel/records/compression',
    'microkernel/records/record-slots',
    'microkernel/records/variable-store',
  ],
  'microkernel/calls/chunks': ['microkernel/calls/extended-read'],
  'microkernel/calls/extended-insert': ['microkernel/calls/extended-read'],
  'microkernel/calls/stat-extended': ['microkernel/calls/extended-read'],
  'microkernel/files/create-file': ['microkernel/files/definition-pages'],
  'microkernel/files/data-file': ['microkernel/files/autoincrement', 'microkernel/files/file-key'],
  'microkernel/files/open-file': [
    'microkernel/files/data-file',
    'microkernel/files/definition-pages',
    'microkernel/files/file-key',
    'microkernel/files/owner',
    'microkernel/files/record-locks',
  ],
  'microkernel/files/indexes': ['microkernel/files/file-key', 'microkernel/files/open-file'],
  'microkernel/files/file-table': [
    'microkernel/files/create-file',
    'microkernel/files/indexes',
    'microkernel/files/open-file',
    'microkernel/files/owner',
  ],
  'microkernel/files/check-content': [
    'microkernel/files/data-file',
    'microkernel/files/definition-pages',
    'microkernel/files/file-key',
  ],
  'microkernel/clients/handle': ['microkernel/clients/position'],
  'microkernel/clients/record-calls': [
    'microkernel/clients/handle',
    'microkernel/clients/position',
  ],
  'microkernel/clients/chunk-calls': [
    'microkernel/clients/handle',
    'microkernel/clients/record-calls',
  ],
  'microkernel/clients/extended-calls': [
    'microkernel/clients/handle',
    'microkernel/clients/record-calls',
  ],
  'microkernel/clients/information-calls': [
    'microkernel/clients/handle',
    'microkernel/clients/record-calls',
  ],
  'microkernel/clients/file-calls': [
    'microkernel/clients/handle',
    'microkernel/clients/paths',
    'microkernel/clients/position-block',
    'microkernel/clients/record-calls',
  ],
  'microkernel/clients/client': [
    'microkernel/clients/chunk-calls',
    'microkernel/clients/extended-calls',
    'microkernel/clients/file-calls',
    'microkernel/clients/handle',
    'microkernel/clients/information-calls',
    'microkernel/clients/position-block',
    'microkernel/clients/record-calls',
  ],
  'microkernel/node-files': ['microkernel/io-worker'],
  'microkernel/node-ports': ['microkernel/node-files'],
  client: ['typed-file'],
  engine: ['client', 'settings'],
  'bin/butil': ['bin/command-line'],
};

/** Who may name a third party or a part of Node that reaches outside. Other `node:` parts are free. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  'fs-ext': ['microkernel/node-files'],
  'node:fs': ['microkernel/node-files', 'microkernel/node-ports', 'microkernel/io-worker'],
  'node:fs/promises': [],
  'node:worker_threads': ['microkernel/node-files', 'microkernel/io-worker'],
  yargs: ['bin/command-line'],
};

/** What is not to be found in any source, tests included. Written so that it does not find itself. */
const UNWANTED: readonly (readonly [what: string, pattern: RegExp])[] = [
  ['a test that switches the others off', /\.only\(/],
  ['a mark that something is left to do', /\b(?:FIX[M]E|TO[D]O|X[X]X)\b/],
  ['a path of some machine', /(?<![\w.])\/(?:home|Users|root|work)\/\w|\b[A-Z]:\\Users\b/],
  ['a path out of the repository', /(?:\.\.\/)+shared\b/],
];

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const CODE = /\.(?:ts|js)$/;

interface Source {
  /** From the root of the repository. */
  readonly path: string;
  readonly text: string;
}

function sourcesIn(folder: string): Source[] {
  if (!existsSync(ROOT + folder)) return [];
  return readdirSync(ROOT + folder, { recursive: true, encoding: 'utf8' })
    .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
    .filter((path) => CODE.test(path))
    .sort()
    .map((path) => ({ path, text: readFileSync(ROOT + path, 'utf8') }));
}

const layered = [...sourcesIn('src'), ...sourcesIn('bin')];
const everything = [...layered, ...['test', 'bench', 'scripts'].flatMap(sourcesIn)];

/** The name of a file in the tables above. */
function moduleName(path: string): string {
  return path.replace(/^src\//, '').replace(CODE, '');
}

/** Whatever a source loads, in whichever way: types, re-exports and workers as well. */
function specifiersOf({ text }: Source): string[] {
  const imported = ts.preProcessFile(text, true, true).importedFiles.map((file) => file.fileName);
  const others = [...text.matchAll(/\b(?:import\('([^']+)'|new URL\('([^']+\.js)')/g)].map(
    (match) => match[1] ?? match[2]!,
  );
  return [...new Set([...imported, ...others])].sort();
}

function isRelative(specifier: string): boolean {
  return specifier.startsWith('.');
}

/** The modules of ours that a source loads, by their names in the tables. */
function importsOf(source: Source): string[] {
  const folder = posix.dirname(source.path);
  return specifiersOf(source)
    .filter(isRelative)
    .map((specifier) => moduleName(posix.join(folder, specifier)));
}

function layerOf(name: string): number {
  return LAYERS.findIndex(({ modules }) => modules.includes(name));
}

function layerProblems(source: Source): string[] {
  const name = moduleName(source.path);
  const own = layerOf(name);
  const layer = LAYERS[own];
  if (layer === undefined) return [`${name} is in no layer: add it to LAYERS in tidy.test.ts`];
  const lower = LAYERS.slice(0, own).map((l) => l.layer);
  const allowed = lower.filter((l) => layer.mayImport?.includes(l) ?? true);
  const neighbours = WITHIN_A_LAYER[name] ?? [];
  return importsOf(source)
    .map((imported) => ({ imported, theirs: LAYERS[layerOf(imported)]?.layer ?? 'none' }))
    .filter(({ imported, theirs }) =>
      theirs === layer.layer ? !neighbours.includes(imported) : !allowed.includes(theirs),
    )
    .map(({ imported, theirs }) => `${layer.layer} imports ${imported} (layer: ${theirs})`);
}

function doorProblems(source: Source): string[] {
  const name = moduleName(source.path);
  const unknown = specifiersOf(source).filter(
    (specifier) =>
      !isRelative(specifier) && !specifier.startsWith('node:') && !Object.hasOwn(DOORS, specifier),
  );
  // Any mention counts: a package may be loaded by more ways than an import.
  const wrong = Object.entries(DOORS).filter(
    ([door, users]) => !users.includes(name) && new RegExp(`(['"\`])${door}\\1`).test(source.text),
  );
  return [
    ...unknown.map((specifier) => `imports ${specifier}, which has no entry in DOORS`),
    ...wrong.map(([door]) => `uses ${door}, which is not its to use (DOORS in tidy.test.ts)`),
  ];
}

function habitProblems(source: Source): string[] {
  const { path, text } = source;
  const unwanted = UNWANTED.filter(([, pattern]) => pattern.test(text)).map(([what]) => what);
  const extensions = specifiersOf(source).filter((s) => isRelative(s) && !/\.js(?:on)?$/.test(s));
  return [
    ...unwanted.map((what) => `contains ${what}`),
    ...extensions.map((specifier) => `imports ${specifier} without .js`),
    ...(/^(?:#!.*\n)?\/[/*]/.test(text) ? [] : ['does not begin with a comment']),
    ...(path.startsWith('src/') && /^export default\b|\bas default\b/m.test(text)
      ? ['has a default export']
      : []),
  ];
}

/** The first circle found, as a list of names; empty if there is none. */
function circleIn(graph: ReadonlyMap<string, readonly string[]>): string[] {
  const done = new Set<string>();
  const walk = (name: string, way: readonly string[]): string[] => {
    if (way.includes(name)) return [...way.slice(way.indexOf(name)), name];
    if (done.has(name)) return [];
    for (const imported of graph.get(name) ?? []) {
      const circle = walk(imported, [...way, name]);
      if (circle.length > 0) return circle;
    }
    done.add(name);
    return [];
  };
  for (const name of graph.keys()) {
    const circle = walk(name, []);
    if (circle.length > 0) return circle;
  }
  return [];
}

describe('layers and doors', () => {
  const graph = new Map(layered.map((source) => [moduleName(source.path), importsOf(source)]));

  test.each(layered)('$path', (source) => {
    expect([...layerProblems(source), ...doorProblems(source)]).toEqual([]);
  });

  test('no circles, not even of types', () => {
    expect(circleIn(graph)).toEqual([]);
  });

  test('every module is in one layer only', () => {
    const names = LAYERS.flatMap(({ modules }) => modules);
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
  });

  test('the tables name nothing that is gone', () => {
    const names = LAYERS.flatMap(({ modules }) => modules);
    expect(names.filter((name) => !graph.has(name))).toEqual([]);
    const pairs = Object.entries(WITHIN_A_LAYER).flatMap(([name, neighbours]) =>
      neighbours.map((neighbour) => ({ name, neighbour })),
    );
    expect(pairs.filter(({ name, neighbour }) => !graph.get(name)?.includes(neighbour))).toEqual(
      [],
    );
  });
});

describe('habits', () => {
  test.each(everything)('$path', (source) => {
    expect(habitProblems(source)).toEqual([]);
  });
});

describe('the rules themselves', () => {
  const source = (path: string, ...lines: string[]): Source => ({ path, text: lines.join('\n') });

  test.each([
    ["import { a } from './pat.js';", 'imports microkernel/pat (layer: structures)'],
    ["import type { A } from './pat.js';", 'imports microkernel/pat'],
    ["export * from './pat.js';", 'imports microkernel/pat'],
    ["import './pat.js';", 'imports microkernel/pat'],
    ["const a: import('./pat.js').A = 1;", 'imports microkernel/pat'],
    ["await import('./pat.js');", 'imports microkernel/pat'],
    ["new Worker(new URL('./io-worker.js', import.meta.url));", 'imports microkernel/io-worker'],
    ["import {\n  a,\n} from '../logging/a.js';", 'imports logging/a (layer: none)'],
  ])('%s is found in a module of the lowest layer', (line, problem) => {
    expect(layerProblems(source('src/microkernel/assert.ts', line)).join()).toContain(problem);
  });

  test('a neighbour is a problem unless it is listed', () => {
    const line = "import { present } from './assert.js';";
    expect(layerProblems(source('src/microkernel/bytes.ts', line))).toEqual([]);
    expect(layerProblems(source('src/microkernel/disk-error.ts', line))).toHaveLength(1);
  });

  test('a plug-in does not see what lies between it and its limit', () => {
    const lines = ["import './page-cache.js';", "import './layout.js';"];
    expect(layerProblems(source('src/microkernel/node-files.ts', ...lines))).toEqual([
      'plug-ins imports microkernel/page-cache (layer: pages)',
    ]);
  });

  test('an unknown file is told where to go', () => {
    expect(layerProblems(source('src/new.ts', ''))[0]).toContain('add it to LAYERS');
  });

  test.each(["import fs from 'node:fs';", "createRequire(import.meta.url)('fs-ext');"])(
    '%s goes through a wall where there is no door',
    (line) => {
      expect(doorProblems(source('src/microkernel/pat.ts', line))).toHaveLength(1);
      expect(doorProblems(source('src/microkernel/node-files.ts', line))).toEqual([]);
    },
  );

  test('a package without a door is found', () => {
    expect(doorProblems(source('src/index.ts', "import 'chalk';"))).toHaveLength(1);
  });

  test.each([
    ['.onl', 'y('],
    ['// FIX', 'ME'],
    ["import './a", "';"],
    ['export def', 'ault 1;'],
    ["'/hom", "e/me/file'"],
    ["'../../sha", "red/x'"],
  ])('%s%s is found', (begin, end) => {
    expect(habitProblems(source('src/a.ts', '// A file.', begin + end))).toHaveLength(1);
  });

  test('a file without its comment is found', () => {
    expect(habitProblems(source('src/a.ts', 'const a = 1;'))).toEqual([
      'does not begin with a comment',
    ]);
    expect(habitProblems(source('bin/a.ts', '#!/usr/bin/env node', '// A file.'))).toEqual([]);
  });

  test('a circle is found', () => {
    const graph = new Map([
      ['a', ['b', 'c']],
      ['b', []],
      ['c', ['d']],
      ['d', ['b', 'c']],
    ]);
    expect(circleIn(graph)).toEqual(['c', 'd', 'c']);
  });
});
