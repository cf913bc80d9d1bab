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
      'microkernel/replace-file',
      'microkernel/layout-table',
      'microkernel/chunked-array',
      'microkernel/number-map',
      'microkernel/short-list',
      'microkernel/page-memory',
      'microkernel/operation-boundary',
      'microkernel/object-shape',
    ],
  },
  { layer: 'layout', modules: ['microkernel/layout'] },
  {
    layer: 'structures',
    modules: [
      'microkernel/fcr',
      'microkernel/pat',
      'microkernel/change-list',
      'microkernel/page-seal',
    ],
  },
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
      'microkernel/change-log',
      'microkernel/archive-sink',
      'microkernel/page-device',
      'microkernel/read-ahead',
      'microkernel/page-view',
      'microkernel/undo-list',
      'microkernel/private-pages',
      'microkernel/control-pages',
      'microkernel/page-table',
      'microkernel/fcr-choice',
      'microkernel/file-kinds',
      'microkernel/file-creation',
      'microkernel/file-opening',
      'microkernel/continuous/delta-file',
      'microkernel/continuous/frozen-pages',
      'microkernel/continuous/overlay-handle',
      'microkernel/file-image',
      'microkernel/continuous/restore-frozen',
      'microkernel/continuous/delta-proof',
      'microkernel/continuous/roll-in',
      'microkernel/free-space',
      'microkernel/logical-pages',
      'microkernel/system-transaction',
      'microkernel/trimming',
      'microkernel/page-file',
    ],
  },
  {
    layer: 'trees',
    modules: [
      'microkernel/trees/index-page',
      'microkernel/trees/row-order',
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
      'records/key-lookups',
      'records/record-layout',
      'records/byte-slab',
      'records/record-reader',
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
      'microkernel/files/file-journal',
      'microkernel/files/wait-graph',
      'microkernel/files/write-gate',
      'microkernel/files/row-digest',
      'microkernel/files/file-key',
      'microkernel/files/client-file',
      'microkernel/files/original-files',
      'microkernel/files/definition-pages',
      'microkernel/files/create-file',
      'microkernel/files/data-file',
      'microkernel/files/open-file',
      'microkernel/files/indexes',
      'microkernel/files/file-table',
      'microkernel/files/ordered-records',
      'microkernel/files/record-scan',
      'microkernel/files/index-shelf',
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
      'microkernel/clients/transaction',
      'microkernel/clients/record-calls',
      'microkernel/clients/chunk-calls',
      'microkernel/clients/extended-calls',
      'microkernel/clients/information-calls',
      'microkernel/clients/file-calls',
      'microkernel/clients/client',
    ],
  },
  {
    // Original files, read where they lie: beside the engine, not in it.
    layer: 'legacy',
    mayImport: ['ground', 'layout', 'keys', 'definition'],
    modules: [
      'legacy/legacy-layout',
      'legacy/legacy-numbers',
      'legacy/legacy-versions',
      'legacy/legacy-damage',
      'legacy/legacy-volumes',
      'legacy/legacy-family',
      'legacy/legacy-traces',
      'legacy/legacy-fcr',
      'legacy/legacy-owner',
      'legacy/legacy-pat',
      'legacy/legacy-pages',
      'legacy/legacy-slots',
      'legacy/legacy-free-slots',
      'legacy/legacy-fragments',
      'legacy/legacy-decompression',
      'legacy/legacy-records',
      'legacy/legacy-steps',
      'legacy/legacy-definition',
      'legacy/legacy-index',
      'legacy/legacy-doubts',
      'legacy/legacy-check',
      'legacy/legacy-file',
      'legacy/identify',
    ],
  },
  {
    // Original files as clients see them.
    layer: 'originals',
    mayImport: ['ground', 'keys', 'definition', 'trees', 'records', 'files', 'legacy'],
    modules: [
      'originals/original-records',
      'originals/original-tree',
      'originals/original-file',
      'originals/open-original',
    ],
  },
  {
    // They implement the ports, so the engine proper and they know nothing of each other.
    layer: 'plug-ins',
    mayImport: ['ground', 'layout', 'structures'],
    modules: [
      'microkernel/direct-writer',
      'microkernel/io-worker',
      'microkernel/node-files',
      'microkernel/node-ports',
    ],
  },
  {
    layer: 'log',
    mayImport: ['ground', 'layout', 'structures', 'pages'],
    modules: [
      'logging/log-layout',
      'logging/log-segment',
      'logging/log-state',
      'logging/os-lock',
      'logging/holder',
      'logging/file-standing',
      'logging/log-directory',
      'logging/log-records',
      'logging/log-frames',
      'logging/log-reader',
      'logging/transaction-log',
    ],
  },
  {
    layer: 'archive',
    mayImport: ['ground', 'layout', 'structures', 'pages', 'definition'],
    modules: [
      'archival/archive-layout',
      'archival/archive-segment',
      'archival/archive-frames',
      'archival/archive-records',
      'archival/archive-reader',
      'archival/open-segment',
      'archival/archive-log',
      'archival/archive-opening',
      'archival/frame-append',
      'archival/created-over',
    ],
  },
  { layer: 'archives', modules: ['archival/engine-archive'] },
  {
    layer: 'recovery',
    modules: [
      'logging/recovery',
      'logging/engine-log',
      'logging/log-listing',
      'logging/release',
      'logging/recover-all',
    ],
  },
  {
    // Clients in other processes, as an engine serves them.
    layer: 'requester',
    mayImport: ['ground', 'calls', 'files', 'clients'],
    modules: [
      'requester/protocol',
      'requester/waiting',
      'requester/session',
      'requester/server',
      'requester/long-work',
      'requester/runtime-directory',
      'requester/socket-worker',
      'requester/socket-thread',
      'requester/direct-door',
      'requester/requester',
      'requester/administration',
    ],
  },
  {
    // Which files are archived, and where to; not the archiving.
    layer: 'blog.cfg',
    mayImport: ['ground', 'layout', 'structures', 'pages', 'log'],
    modules: [
      'archival/blog-config',
      'archival/blog-places',
      'archival/blog-check',
      'archival/blog-editor',
      'archival/blog-watcher',
      'archival/archived-files',
      'archival/declared-backups',
    ],
  },
  {
    layer: 'continuous operation',
    mayImport: ['ground', 'layout', 'structures', 'pages', 'files'],
    modules: [
      'contops/active-sets',
      'contops/delta-files',
      'contops/frozen-mark',
      'contops/file-with-delta',
      'contops/continuous-operations',
      'contops/hot-copy',
      'contops/backup-agent',
      'contops/freezing',
    ],
  },
  {
    layer: 'roll-forward',
    modules: [
      'archival/found-archived',
      'archival/logs-by-blog',
      'archival/roll-forward-target',
      'archival/roll-forward-chain',
      'archival/log-tail',
      'archival/roll-forward-scan',
      'archival/roll-forward-plan',
      'archival/structure-redo',
      'archival/dump-file',
      'archival/tail-append',
      'archival/roll-forward',
      'archival/archive-listing',
      'archival/archive-chain',
      'archival/archive-keys',
      'archival/file-history',
    ],
  },
  // The one place that knows everybody: builds and wires.
  {
    layer: 'engine',
    modules: [
      'legacy/identify-file',
      'settings',
      'lazy-sequence',
      'typed-file',
      'client',
      'root-files',
      'archiving',
      'engine',
      'event-log',
      'engine-root',
      'blog-root',
      'archival/blog-selection',
    ],
  },
  {
    // Texts and sequential files that come from elsewhere and go there.
    layer: 'formats',
    mayImport: ['ground', 'keys', 'definition'],
    modules: [
      'maintenance/describe',
      'maintenance/description-buffers',
      'maintenance/description-error',
      'maintenance/description-file',
      'maintenance/description-groups',
      'maintenance/description-language',
      'maintenance/description-rules',
      'maintenance/description-scanner',
      'maintenance/description-sequences',
      'maintenance/external-index',
      'maintenance/unformatted-file',
      'maintenance/unformatted-format',
      'maintenance/unformatted-reader',
      'maintenance/unformatted-writer',
    ],
  },
  {
    // Records as rows of text.
    layer: 'exchange',
    mayImport: ['ground', 'record layouts'],
    modules: [
      'exchange/field-declarations',
      'exchange/columns',
      'exchange/row-text',
      'exchange/data-dictionary',
    ],
  },
  {
    // The other end of a requester.
    layer: 'clients elsewhere',
    modules: [
      'requester/direct-line',
      'requester/connection',
      'requester/remote-file',
      'requester/remote-client',
      'requester/connect',
    ],
  },
  {
    layer: 'maintenance',
    modules: [
      'maintenance/administration',
      'maintenance/backup-administration',
      'maintenance/file-administration',
      'maintenance/cached-pages',
      'maintenance/check-file',
      'maintenance/file-in-use',
      'maintenance/classic-file',
      'maintenance/clone-file',
      'maintenance/copy-records',
      'maintenance/definition-for-copy',
      'maintenance/dictionary-keys',
      'maintenance/exchange-layout',
      'maintenance/export-records',
      'maintenance/import-records',
      'maintenance/found-files',
      'maintenance/rebuild-comparison',
      'maintenance/rebuild-directory',
      'maintenance/rebuild-file',
      'maintenance/record-walk',
      'maintenance/recover-original',
      'maintenance/recovery-report',
      'archival/undo',
      'archive-root',
      'maintenance/damaged-file',
      'maintenance/key-indexes',
      'maintenance/load-records',
      'maintenance/opened-file',
      'maintenance/output-file',
      'maintenance/owner-names',
      'maintenance/page-dump',
      'maintenance/record-inserter',
      'maintenance/recover-records',
      'maintenance/refused-records',
      'maintenance/save-records',
      'maintenance/sound-original',
      'maintenance/sound-pages',
      'maintenance/stat-report',
      'maintenance/task',
    ],
  },
  { layer: 'version', mayImport: [], modules: ['version'] },
  { layer: 'public API', modules: ['index'] },
  {
    layer: 'command support',
    mayImport: ['public API'],
    modules: [
      'bin/advice',
      'bin/completion',
      'bin/console',
      'bin/declaration',
      'bin/description',
      'bin/engine-for-command',
      'bin/failures',
      'bin/grammar',
      'bin/holder',
      'bin/isamited-help',
      'bin/nearest-word',
      'bin/image-layout',
      'bin/list-file',
      'bin/owner-names',
      'bin/backup-program',
      'bin/messages',
      'bin/options',
      'bin/outcome',
      'bin/progress',
      'bin/session',
      'bin/terminal',
      'bin/text-files',
    ],
  },
  {
    layer: 'commands',
    mayImport: ['public API', 'version', 'command support'],
    modules: [
      'bin/commands/backup-agent',
      'bin/commands/blog',
      'bin/commands/check',
      'bin/commands/clone',
      'bin/commands/completion',
      'bin/commands/config',
      'bin/commands/continuous',
      'bin/commands/hot-copy',
      'bin/commands/freeze',
      'bin/commands/log',
      'bin/commands/recover-all',
      'bin/commands/copy',
      'bin/commands/create',
      'bin/commands/describe',
      'bin/commands/dump',
      'bin/commands/engine',
      'bin/commands/events',
      'bin/commands/exchange',
      'bin/commands/identify',
      'bin/commands/indexes',
      'bin/commands/load',
      'bin/commands/owner',
      'bin/commands/partly',
      'bin/commands/rebuild',
      'bin/commands/read-log',
      'bin/commands/recover',
      'bin/commands/refusals',
      'bin/commands/roll-forward',
      'bin/commands/save',
      'bin/commands/stat',
      'bin/commands/statistics',
      'bin/commands/undo',
      'bin/commands/ver',
    ],
  },
  {
    layer: 'command line',
    mayImport: ['public API', 'version', 'command support', 'commands'],
    modules: ['bin/command-table', 'bin/command-line', 'bin/butil', 'bin/isamited'],
  },
];

/** Imports between modules of one layer: who imports whom. */
const WITHIN_A_LAYER: Readonly<Record<string, readonly string[]>> = {
  'microkernel/disk-error': ['microkernel/ports'],
  'microkernel/status': ['microkernel/ports'],
  'microkernel/bytes': ['microkernel/assert'],
  'microkernel/replace-file': ['microkernel/disk-error', 'microkernel/ports'],
  'microkernel/layout-table': ['microkernel/assert'],
  'microkernel/page-memory': ['microkernel/assert', 'microkernel/bytes'],
  'microkernel/number-map': ['microkernel/chunked-array'],
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
  'microkernel/read-ahead': ['microkernel/page-device'],
  'microkernel/page-view': ['microkernel/page-cache', 'microkernel/private-pages'],
  'microkernel/private-pages': [
    'microkernel/page-cache',
    'microkernel/page-device',
    'microkernel/undo-list',
  ],
  'microkernel/undo-list': ['microkernel/page-cache'],
  'microkernel/page-table': ['microkernel/page-cache', 'microkernel/page-device'],
  'microkernel/file-kinds': ['microkernel/fcr-choice', 'microkernel/page-device'],
  'microkernel/file-creation': ['microkernel/page-device', 'microkernel/page-table'],
  'microkernel/file-opening': [
    'microkernel/fcr-choice',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/continuous/frozen-pages': ['microkernel/page-device', 'microkernel/page-table'],
  'microkernel/continuous/overlay-handle': [
    'microkernel/continuous/delta-file',
    'microkernel/continuous/frozen-pages',
  ],
  'microkernel/continuous/restore-frozen': [
    'microkernel/continuous/delta-file',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/continuous/delta-proof': [
    'microkernel/continuous/overlay-handle',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/continuous/roll-in': [
    'microkernel/continuous/delta-proof',
    'microkernel/continuous/overlay-handle',
    'microkernel/control-pages',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/free-space': [
    'microkernel/continuous/frozen-pages',
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
    'microkernel/archive-sink',
    'microkernel/control-pages',
    'microkernel/free-space',
    'microkernel/logical-pages',
    'microkernel/page-cache',
    'microkernel/page-device',
    'microkernel/page-table',
  ],
  'microkernel/trimming': ['microkernel/free-space', 'microkernel/page-table'],
  'microkernel/file-image': [
    'microkernel/continuous/frozen-pages',
    'microkernel/fcr-choice',
    'microkernel/page-device',
  ],
  'microkernel/page-file': [
    'microkernel/file-image',
    'microkernel/read-ahead',
    'microkernel/archive-sink',
    'microkernel/continuous/delta-file',
    'microkernel/continuous/delta-proof',
    'microkernel/continuous/overlay-handle',
    'microkernel/continuous/roll-in',
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
    'microkernel/private-pages',
    'microkernel/system-transaction',
    'microkernel/trimming',
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
  'records/number-codecs': [
    'records/decimal-digits',
    'records/field-codec',
    'records/text-encodings',
  ],
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
  'records/key-lookups': [
    'records/field-codec',
    'records/key-extremes',
    'records/layout-keys',
    'records/layout-places',
  ],
  'records/record-layout': [
    'records/field-codec',
    'records/key-lookups',
    'records/layout-keys',
    'records/layout-places',
    'records/layout-types',
    'records/text-encodings',
  ],
  'records/byte-slab': ['records/field-codec'],
  'records/record-reader': ['records/byte-slab', 'records/record-layout'],
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
  'microkernel/files/client-file': [
    'microkernel/files/data-file',
    'microkernel/files/file-journal',
    'microkernel/files/open-file',
    'microkernel/files/owner',
    'microkernel/files/record-locks',
  ],
  'microkernel/files/original-files': ['microkernel/files/client-file'],
  'microkernel/files/create-file': ['microkernel/files/definition-pages'],
  'microkernel/files/data-file': [
    'microkernel/files/autoincrement',
    'microkernel/files/file-journal',
    'microkernel/files/file-key',
  ],
  'microkernel/files/open-file': [
    'microkernel/files/data-file',
    'microkernel/files/definition-pages',
    'microkernel/files/file-key',
    'microkernel/files/owner',
    'microkernel/files/record-locks',
  ],
  'microkernel/files/indexes': ['microkernel/files/file-key', 'microkernel/files/open-file'],
  'microkernel/files/file-table': [
    'microkernel/files/client-file',
    'microkernel/files/create-file',
    'microkernel/files/file-journal',
    'microkernel/files/indexes',
    'microkernel/files/open-file',
    'microkernel/files/original-files',
    'microkernel/files/owner',
    'microkernel/files/wait-graph',
    'microkernel/files/write-gate',
  ],
  'microkernel/files/ordered-records': [
    'microkernel/files/data-file',
    'microkernel/files/file-key',
  ],
  'microkernel/files/record-scan': [
    'microkernel/files/data-file',
    'microkernel/files/file-key',
    'microkernel/files/row-digest',
  ],
  'microkernel/files/check-content': [
    'microkernel/files/data-file',
    'microkernel/files/definition-pages',
    'microkernel/files/file-key',
    'microkernel/files/record-scan',
    'microkernel/files/row-digest',
  ],
  'microkernel/clients/handle': ['microkernel/clients/position'],
  'microkernel/clients/transaction': ['microkernel/clients/handle'],
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
    'microkernel/clients/transaction',
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
  'legacy/legacy-volumes': ['legacy/legacy-damage'],
  'legacy/legacy-family': ['legacy/legacy-layout', 'legacy/legacy-numbers'],
  'legacy/legacy-traces': [
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-versions',
    'legacy/legacy-volumes',
  ],
  'legacy/legacy-fcr': [
    'legacy/legacy-traces',
    'legacy/legacy-damage',
    'legacy/legacy-family',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-versions',
    'legacy/legacy-volumes',
  ],
  'legacy/legacy-owner': ['legacy/legacy-fcr'],
  'legacy/legacy-pat': [
    'legacy/legacy-damage',
    'legacy/legacy-family',
    'legacy/legacy-fcr',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-volumes',
  ],
  'legacy/legacy-pages': [
    'legacy/legacy-damage',
    'legacy/legacy-family',
    'legacy/legacy-fcr',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-owner',
    'legacy/legacy-pat',
    'legacy/legacy-volumes',
  ],
  'legacy/legacy-slots': ['legacy/legacy-fcr', 'legacy/legacy-layout'],
  'legacy/legacy-free-slots': [
    'legacy/legacy-fcr',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-pages',
    'legacy/legacy-slots',
  ],
  'legacy/legacy-fragments': [
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-pages',
  ],
  'legacy/legacy-records': [
    'legacy/legacy-decompression',
    'legacy/legacy-fcr',
    'legacy/legacy-fragments',
    'legacy/legacy-free-slots',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-pages',
    'legacy/legacy-slots',
  ],
  'legacy/legacy-steps': ['legacy/legacy-numbers', 'legacy/legacy-records'],
  'legacy/legacy-definition': [
    'legacy/legacy-family',
    'legacy/legacy-fcr',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-pages',
    'legacy/legacy-slots',
  ],
  'legacy/legacy-index': [
    'legacy/legacy-definition',
    'legacy/legacy-numbers',
    'legacy/legacy-pages',
    'legacy/legacy-records',
  ],
  'legacy/legacy-doubts': [
    'legacy/legacy-family',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-pages',
  ],
  'legacy/legacy-check': [
    'legacy/legacy-definition',
    'legacy/legacy-doubts',
    'legacy/legacy-family',
    'legacy/legacy-fcr',
    'legacy/legacy-free-slots',
    'legacy/legacy-index',
    'legacy/legacy-layout',
    'legacy/legacy-numbers',
    'legacy/legacy-records',
  ],
  'legacy/legacy-file': [
    'legacy/legacy-check',
    'legacy/legacy-damage',
    'legacy/legacy-definition',
    'legacy/legacy-family',
    'legacy/legacy-fcr',
    'legacy/legacy-index',
    'legacy/legacy-numbers',
    'legacy/legacy-owner',
    'legacy/legacy-pages',
    'legacy/legacy-records',
    'legacy/legacy-slots',
    'legacy/legacy-steps',
    'legacy/legacy-volumes',
  ],
  'legacy/identify': [
    'legacy/legacy-traces',
    'legacy/legacy-check',
    'legacy/legacy-fcr',
    'legacy/legacy-file',
    'legacy/legacy-owner',
    'legacy/legacy-volumes',
  ],
  'originals/original-file': ['originals/original-records', 'originals/original-tree'],
  'originals/open-original': ['originals/original-file'],
  'microkernel/node-files': ['microkernel/direct-writer', 'microkernel/io-worker'],
  'microkernel/node-ports': ['microkernel/node-files'],
  'logging/log-segment': ['logging/log-layout'],
  'logging/log-state': ['logging/log-segment'],
  'logging/file-standing': ['logging/holder', 'logging/log-reader'],
  'logging/log-directory': ['logging/log-segment', 'logging/log-state', 'logging/os-lock'],
  'logging/log-records': ['logging/log-layout'],
  'logging/log-frames': ['logging/log-layout'],
  'logging/log-reader': [
    'logging/log-frames',
    'logging/log-layout',
    'logging/log-records',
    'logging/log-segment',
  ],
  'logging/transaction-log': [
    'logging/file-standing',
    'logging/log-directory',
    'logging/log-frames',
    'logging/log-layout',
    'logging/log-reader',
    'logging/log-records',
    'logging/log-segment',
    'logging/log-state',
  ],
  'archival/archive-segment': ['archival/archive-layout'],
  'archival/archive-frames': ['archival/archive-layout'],
  'archival/archive-records': ['archival/archive-layout'],
  'archival/archive-reader': [
    'archival/archive-frames',
    'archival/archive-layout',
    'archival/archive-records',
    'archival/archive-segment',
  ],
  'archival/open-segment': ['archival/archive-layout', 'archival/archive-segment'],
  'archival/archive-log': [
    'archival/archive-frames',
    'archival/archive-layout',
    'archival/archive-records',
    'archival/archive-segment',
    'archival/open-segment',
  ],
  'archival/archive-opening': [
    'archival/archive-frames',
    'archival/archive-layout',
    'archival/archive-log',
    'archival/archive-reader',
    'archival/archive-segment',
    'archival/open-segment',
  ],
  'archival/frame-append': [
    'archival/archive-frames',
    'archival/archive-log',
    'archival/archive-records',
    'archival/open-segment',
  ],
  'archival/created-over': [
    'archival/archive-reader',
    'archival/archive-records',
    'archival/frame-append',
    'archival/open-segment',
  ],
  'logging/engine-log': ['logging/recovery'],
  'logging/release': ['logging/log-listing'],
  'logging/recover-all': ['logging/engine-log'],
  'requester/session': ['requester/protocol'],
  'requester/server': [
    'requester/administration',
    'requester/long-work',
    'requester/protocol',
    'requester/session',
    'requester/waiting',
  ],
  'requester/long-work': ['requester/administration'],
  'requester/runtime-directory': ['requester/protocol'],
  'requester/socket-thread': [
    'requester/protocol',
    'requester/runtime-directory',
    'requester/socket-worker',
  ],
  'requester/direct-door': ['requester/protocol', 'requester/server'],
  'requester/requester': [
    'requester/administration',
    'requester/direct-door',
    'requester/protocol',
    'requester/runtime-directory',
    'requester/server',
    'requester/socket-thread',
  ],
  'archival/blog-places': ['archival/blog-config'],
  'archival/blog-check': ['archival/blog-config'],
  'archival/blog-editor': ['archival/blog-check', 'archival/blog-config'],
  'archival/archived-files': ['archival/blog-check', 'archival/blog-config'],
  'contops/delta-files': ['contops/active-sets'],
  'contops/frozen-mark': ['contops/active-sets'],
  'contops/file-with-delta': ['contops/active-sets', 'contops/delta-files', 'contops/frozen-mark'],
  'contops/continuous-operations': [
    'contops/active-sets',
    'contops/delta-files',
    'contops/frozen-mark',
  ],
  'contops/hot-copy': ['contops/active-sets', 'contops/continuous-operations'],
  'contops/backup-agent': ['contops/continuous-operations'],
  'archival/logs-by-blog': ['archival/found-archived'],
  'archival/log-tail': ['archival/roll-forward-chain'],
  'archival/roll-forward-scan': [
    'archival/archive-keys',
    'archival/roll-forward-chain',
    'archival/roll-forward-target',
  ],
  'archival/roll-forward-plan': [
    'archival/roll-forward-chain',
    'archival/roll-forward-scan',
    'archival/roll-forward-target',
  ],
  'archival/tail-append': ['archival/roll-forward-chain'],
  'archival/roll-forward': [
    'archival/archive-keys',
    'archival/dump-file',
    'archival/roll-forward-chain',
    'archival/roll-forward-plan',
    'archival/roll-forward-scan',
    'archival/roll-forward-target',
    'archival/structure-redo',
    'archival/tail-append',
  ],
  'archival/archive-listing': ['archival/archive-keys'],
  'archival/file-history': ['archival/roll-forward-chain'],
  'archival/archive-chain': ['archival/file-history'],
  'typed-file': ['lazy-sequence'],
  client: ['typed-file'],
  'root-files': ['settings'],
  archiving: ['archival/blog-selection'],
  engine: ['archival/blog-selection', 'archiving', 'client', 'event-log', 'root-files', 'settings'],
  'engine-root': ['event-log', 'root-files', 'settings'],
  'blog-root': ['engine-root', 'root-files', 'settings'],
  'maintenance/describe': ['maintenance/description-language'],
  'maintenance/description-buffers': ['maintenance/description-file'],
  'maintenance/description-file': [
    'maintenance/description-error',
    'maintenance/description-groups',
    'maintenance/description-language',
    'maintenance/description-rules',
    'maintenance/description-scanner',
    'maintenance/description-sequences',
  ],
  'maintenance/description-groups': [
    'maintenance/description-error',
    'maintenance/description-language',
    'maintenance/description-scanner',
  ],
  'maintenance/description-rules': [
    'maintenance/description-groups',
    'maintenance/description-language',
    'maintenance/description-scanner',
  ],
  'maintenance/description-scanner': ['maintenance/description-error'],
  'maintenance/description-sequences': [
    'maintenance/description-groups',
    'maintenance/description-scanner',
  ],
  'maintenance/unformatted-file': [
    'maintenance/unformatted-format',
    'maintenance/unformatted-reader',
    'maintenance/unformatted-writer',
  ],
  'maintenance/unformatted-reader': ['maintenance/unformatted-format'],
  'maintenance/unformatted-writer': ['maintenance/unformatted-format'],
  'exchange/columns': ['exchange/field-declarations'],
  'exchange/row-text': ['exchange/columns', 'exchange/field-declarations'],
  'exchange/data-dictionary': ['exchange/field-declarations'],
  'requester/connection': ['requester/direct-line'],
  'requester/remote-client': ['requester/connection', 'requester/remote-file'],
  'requester/connect': ['requester/connection', 'requester/remote-client'],
  'maintenance/administration': [
    'maintenance/cached-pages',
    'maintenance/stat-report',
    'maintenance/task',
  ],
  'maintenance/backup-administration': ['archive-root'],
  'maintenance/file-administration': [
    'maintenance/check-file',
    'maintenance/page-dump',
    'maintenance/recover-records',
    'maintenance/backup-administration',
    'maintenance/clone-file',
    'maintenance/copy-records',
    'maintenance/describe',
    'maintenance/description-file',
    'maintenance/export-records',
    'maintenance/import-records',
    'maintenance/key-indexes',
    'maintenance/load-records',
    'maintenance/opened-file',
    'maintenance/owner-names',
    'maintenance/rebuild-directory',
    'maintenance/rebuild-file',
    'maintenance/record-inserter',
    'maintenance/save-records',
    'maintenance/task',
    'maintenance/unformatted-file',
  ],
  'maintenance/cached-pages': ['maintenance/task'],
  'maintenance/check-file': ['maintenance/file-in-use', 'maintenance/task'],
  'maintenance/file-in-use': ['maintenance/task'],
  'maintenance/clone-file': ['maintenance/definition-for-copy', 'maintenance/opened-file'],
  'maintenance/copy-records': [
    'maintenance/classic-file',
    'maintenance/opened-file',
    'maintenance/record-inserter',
    'maintenance/record-walk',
    'maintenance/refused-records',
    'maintenance/sound-original',
    'maintenance/task',
  ],
  'maintenance/exchange-layout': [
    'maintenance/classic-file',
    'maintenance/dictionary-keys',
    'maintenance/opened-file',
  ],
  'maintenance/export-records': [
    'maintenance/classic-file',
    'maintenance/exchange-layout',
    'maintenance/opened-file',
    'maintenance/output-file',
    'maintenance/sound-original',
    'maintenance/task',
  ],
  'maintenance/import-records': [
    'maintenance/exchange-layout',
    'maintenance/opened-file',
    'maintenance/record-inserter',
    'maintenance/refused-records',
    'maintenance/task',
  ],
  'maintenance/rebuild-comparison': ['maintenance/record-walk', 'maintenance/task'],
  'maintenance/rebuild-directory': [
    'maintenance/definition-for-copy',
    'maintenance/found-files',
    'maintenance/rebuild-file',
    'maintenance/task',
  ],
  'maintenance/rebuild-file': [
    'maintenance/definition-for-copy',
    'maintenance/output-file',
    'maintenance/rebuild-comparison',
    'maintenance/record-walk',
    'maintenance/sound-original',
    'maintenance/task',
  ],
  'maintenance/record-walk': ['maintenance/classic-file'],
  'maintenance/recover-original': [
    'maintenance/output-file',
    'maintenance/recovery-report',
    'maintenance/task',
  ],
  'archival/undo': ['maintenance/classic-file'],
  'archive-root': ['archival/undo', 'maintenance/opened-file'],
  'maintenance/damaged-file': ['maintenance/sound-pages', 'maintenance/task'],
  'maintenance/key-indexes': [
    'maintenance/classic-file',
    'maintenance/clone-file',
    'maintenance/opened-file',
    'maintenance/output-file',
    'maintenance/record-walk',
    'maintenance/task',
  ],
  'maintenance/load-records': [
    'maintenance/record-inserter',
    'maintenance/refused-records',
    'maintenance/task',
  ],
  'maintenance/opened-file': [
    'maintenance/damaged-file',
    'maintenance/definition-for-copy',
    'maintenance/sound-original',
  ],
  'maintenance/owner-names': ['maintenance/opened-file'],
  'maintenance/page-dump': [
    'maintenance/file-in-use',
    'maintenance/damaged-file',
    'maintenance/sound-pages',
    'maintenance/task',
  ],
  'maintenance/record-inserter': ['maintenance/opened-file', 'maintenance/refused-records'],
  'maintenance/recover-records': [
    'maintenance/file-in-use',
    'maintenance/damaged-file',
    'maintenance/output-file',
    'maintenance/recover-original',
    'maintenance/recovery-report',
    'maintenance/sound-pages',
    'maintenance/task',
  ],
  'maintenance/save-records': [
    'maintenance/classic-file',
    'maintenance/opened-file',
    'maintenance/output-file',
    'maintenance/sound-original',
    'maintenance/task',
  ],
  'maintenance/sound-original': ['maintenance/task'],
  'maintenance/sound-pages': ['maintenance/task'],
  'maintenance/stat-report': ['maintenance/opened-file'],
  'bin/completion': ['bin/declaration'],
  'bin/description': ['bin/text-files'],
  'bin/engine-for-command': ['bin/console'],
  'bin/failures': [
    'bin/advice',
    'bin/engine-for-command',
    'bin/holder',
    'bin/messages',
    'bin/outcome',
    'bin/progress',
    'bin/session',
    'bin/text-files',
  ],
  'bin/grammar': ['bin/declaration', 'bin/nearest-word'],
  'bin/image-layout': ['bin/grammar', 'bin/text-files'],
  'bin/list-file': ['bin/grammar', 'bin/text-files'],
  'bin/owner-names': ['bin/session'],
  'bin/backup-program': ['bin/console'],
  'bin/options': ['bin/declaration', 'bin/grammar'],
  'bin/progress': ['bin/console', 'bin/messages'],
  'bin/session': [
    'bin/console',
    'bin/engine-for-command',
    'bin/grammar',
    'bin/options',
    'bin/outcome',
    'bin/progress',
    'bin/text-files',
  ],
  'bin/commands/copy': ['bin/commands/partly', 'bin/commands/refusals'],
  'bin/commands/exchange': ['bin/commands/partly', 'bin/commands/refusals'],
  'bin/commands/load': ['bin/commands/partly', 'bin/commands/refusals'],
  'bin/command-line': ['bin/command-table'],
  'bin/butil': ['bin/command-line'],
};

/** Who may name a third party or a part of Node that reaches outside. Other `node:` parts are free. */
const DOORS: Readonly<Record<string, readonly string[]>> = {
  chokidar: ['archival/blog-watcher'],
  'fs-ext': ['microkernel/node-files'],
  'iconv-lite': ['microkernel/keys/code-pages'],
  'node:fs': [
    'microkernel/direct-writer',
    'microkernel/node-files',
    'microkernel/node-ports',
    'microkernel/io-worker',
    'requester/direct-door',
    'requester/socket-worker',
    'archival/blog-watcher',
    'bin/backup-program',
    'bin/terminal',
    'bin/text-files',
  ],
  'node:fs/promises': [],
  'node:worker_threads': [
    'microkernel/node-files',
    'microkernel/io-worker',
    'requester/socket-worker',
    'requester/socket-thread',
    // It marks memory as not to be transferred.
    'records/byte-slab',
  ],
  yargs: ['bin/options'],
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
    .filter((path) => !path.includes('node_modules/'))
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
    // V8 calls into its runtime for each use of one, in compiled code too.
    ...(!path.startsWith('test/') && /^\s+(?:static )?[gs]et #/m.test(text)
      ? ['has a private getter or setter: a private method is as good']
      : []),
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
