/** Every command of `butil`: how it is declared, and where what it does is to be found. */
import {
  DRY_RUN,
  YES,
  type CommandDeclaration,
  type LongOption,
  type OperandDeclaration,
} from './declaration.js';
import type { Command } from './session.js';

export interface CommandEntry extends CommandDeclaration {
  /** Loads what it does: nothing else is loaded for it. */
  readonly load: () => Promise<Command>;
}

const SOURCE: OperandDeclaration = { name: 'sourceFile', kind: 'path', describe: 'a data file' };
const OUTPUT: OperandDeclaration = {
  name: 'outputFile',
  kind: 'path',
  describe: 'a data file that is there already',
};

function path(name: string, describe: string): OperandDeclaration {
  return { name, kind: 'path', describe };
}

function word(name: string, describe: string): OperandDeclaration {
  return { name, kind: 'word', describe };
}

function optional(operand: OperandDeclaration): OperandDeclaration {
  return { ...operand, isOptional: true };
}

const REPLACE: LongOption = {
  name: 'yes',
  describe: 'replaces the output file without asking, even if it is a data file',
};
const REPLACED = [
  'An output file that is there already is replaced; on a terminal you are asked first. Only --yes',
  'replaces a data file.',
];

const UNFORMATTED = path('unformattedFile', 'an unformatted (sequential) file');

/** In the order of the alphabet. */
export const COMMANDS: readonly CommandEntry[] = [
  {
    name: 'backup-agent',
    summary: 'keeps files in continuous operation while another program makes a backup of them',
    operands: [
      word('run|start|stop|status', 'what to do'),
      {
        ...optional(path('@listFile|command', 'a list of files; behind -- a backup program')),
        isRepeated: true,
      },
    ],
    owners: 1,
    runsCommand: true,
    long: [
      { name: 'before', value: 'command', describe: 'for the shell, before files go in' },
      { name: 'after', value: 'command', describe: 'for the shell, when they are out again' },
      DRY_RUN,
    ],
    usage:
      '<start|stop|status> [@listFile] | run [@listFile] [--before command] [--after command] -- program ...',
    notes: [
      'Without a list: all files that the engine of the root has open, and those that are opened later.',
      'A file that is refused stays out (exit code 1); one that is in already stays in. RUN takes out',
      'what it has put in whatever becomes of the program, and hands on its exit code. The program finds',
      'the names in a file: ISAMITE_BACKUP_LIST. STOP takes out what a killed agent has left.',
    ],
    examples: [
      'butil -backup-agent run -- tar -cf /backup/data.tar --exclude=*.^^^ /data',
      'butil -backup-agent run @files.lst --after "echo done" -- rsync -a /data/ host:/backup/',
      'butil -backup-agent start',
      'butil -backup-agent stop',
    ],
    load: async () => (await import('./commands/backup-agent.js')).command,
  },
  {
    name: 'blog',
    summary: 'shows and changes which data files are archived, and into which archival logs',
    operands: [
      optional(word('add|remove|list|check|backed-up', 'what to do; list')),
      optional(
        path('file[=log]', 'a data file; for add with its archival log, or a directory for it'),
      ),
      optional(path('copy', 'for backed-up: the copy, which says what is in it')),
    ],
    owners: 0,
    long: [DRY_RUN],
    usage: '[list | check | add file[=log] | remove file | backed-up file [copy]]',
    notes: [
      'Only a separator at its end makes a log a directory. check says what each entry of blog.cfg means,',
      'and what is wrong with it (exit code 1); backed-up keeps that a backup was made.',
    ],
    examples: [
      'butil -blog add orders.btr=/mnt/disk2/logs/',
      'butil -blog check',
      'butil -blog backed-up orders.btr /mnt/backup/orders.btr',
    ],
    load: async () => (await import('./commands/blog.js')).command,
  },
  {
    name: 'cache',
    summary: 'reads the pages of a file into memory',
    operands: [SOURCE],
    owners: 1,
    notes: ['Without an engine that goes on running, only the memory of the system keeps them.'],
    load: async () => (await import('./commands/engine.js')).cache,
  },
  {
    name: 'check',
    summary: 'proves a data file page by page and record by record; says where damage is',
    operands: [SOURCE],
    owners: 1,
    examples: ['butil -check orders.btr', 'butil -check orders.btr --json'],
    load: async () => (await import('./commands/check.js')).command,
  },
  {
    name: 'clone',
    summary: 'makes an empty file with the definition of another one',
    operands: [path('outputFile', 'the new file'), path('sourceFile', 'the file that is like it')],
    owners: 1,
    classic: [
      { name: 'PAGECOMPRESSON', value: 'none', describe: 'pages are marked as compressed' },
      { name: 'PAGECOMPRESSOFF', value: 'none', describe: 'they are not' },
      { name: 'RECORDCOMPRESSON', value: 'none', describe: 'records are compressed' },
      { name: 'RECORDCOMPRESSOFF', value: 'none', describe: 'they are not' },
    ],
    long: [YES, DRY_RUN],
    notes: [
      'The new file comes first. It has all keys of the source and no owner name.',
      'A file that is there already is replaced with --yes only.',
    ],
    examples: ['butil -clone new.btr old.btr', 'butil -clone new.btr old.btr -Opam'],
    load: async () => (await import('./commands/clone.js')).command,
  },
  {
    name: 'clrowner',
    summary: 'takes the owner name off a file',
    operands: [SOURCE],
    owners: 1,
    long: [DRY_RUN],
    examples: ['butil -clrowner orders.btr -Opam'],
    load: async () => (await import('./commands/owner.js')).clearOwner,
  },
  {
    name: 'completion',
    summary: 'writes the script with which a shell completes command lines of butil',
    operands: [word('bash|zsh', 'the shell')],
    owners: 0,
    isBare: true,
    notes: [
      'For bash, in ~/.bashrc: source <(butil -completion bash)',
      'For zsh, in a directory of $fpath: butil -completion zsh > _butil',
    ],
    load: async () => (await import('./commands/completion.js')).completionOf(COMMANDS),
  },
  {
    name: 'config',
    summary: 'shows and changes the settings of an engine root',
    operands: [
      optional(word('list|get|set|unset', 'what to do; list')),
      {
        ...optional(word('name[=value]', 'a setting, and for set its value')),
        isRepeated: true,
      },
    ],
    owners: 0,
    long: [DRY_RUN],
    usage: '[list | get name | set name=value ... | unset name ...]',
    notes: [
      'Sizes may be given as 64M, switches as on and off. What is not set has its default. An engine',
      'reads its settings when it is started.',
    ],
    examples: [
      'butil -config list',
      'butil -config set transactionDurability=on logBufferSize=4M',
      'butil -config unset logBufferSize --dry-run',
    ],
    load: async () => (await import('./commands/config.js')).command,
  },
  {
    name: 'contops',
    summary: 'lists the files in continuous operation',
    operands: [],
    owners: 0,
    load: async () => (await import('./commands/continuous.js')).list,
  },
  {
    name: 'copy',
    summary: 'inserts the records of a file into another one',
    operands: [SOURCE, OUTPUT],
    owners: 2,
    long: [DRY_RUN],
    notes: [
      'The first owner name is that of the source. If only the output file has one, -O stands for the',
      'missing one: butil -copy old.btr new.btr -O -Opam',
    ],
    examples: ['butil -copy old.btr new.btr', 'butil -copy old.btr new.btr -Opam -Osam'],
    load: async () => (await import('./commands/copy.js')).command,
  },
  {
    name: 'create',
    summary: 'makes an empty file from a description file',
    operands: [
      path('outputFile', 'the new file'),
      path('descriptionFile', 'what it is to be like'),
      optional(word('Y|N', 'whether a file that is there already is replaced; Y')),
    ],
    owners: 0,
    long: [YES, DRY_RUN],
    notes: ['Without Y or N and on a terminal, you are asked before a file is replaced.'],
    examples: ['butil -create new.btr new.des', 'butil -create new.btr new.des N'],
    load: async () => (await import('./commands/create.js')).command,
  },
  {
    name: 'describe',
    summary: 'writes the description file from which CREATE makes such a file',
    operands: [SOURCE, optional(path('descriptionFile', 'to be written; else it is shown'))],
    owners: 1,
    long: [YES],
    examples: ['butil -describe orders.btr orders.des'],
    load: async () => (await import('./commands/describe.js')).command,
  },
  {
    name: 'drop',
    summary: 'drops an index of a file',
    operands: [SOURCE, word('keyNumber|SYSKEY', 'of the index; 128 more: other keys keep theirs')],
    owners: 1,
    long: [DRY_RUN],
    examples: ['butil -drop orders.btr 1', 'butil -drop orders.btr SYSKEY'],
    load: async () => (await import('./commands/indexes.js')).drop,
  },
  {
    name: 'dump',
    summary: 'shows one page of a file, byte by byte, and what it says of itself',
    operands: [
      SOURCE,
      word('page', 'its place in the file, from 0; d5: data page 5, o5: index or variable page 5'),
      optional(word('number', 'the same behind the word page')),
    ],
    owners: 1,
    usage: 'sourceFile [page] number [-O<owner|*>]',
    examples: ['butil -dump orders.btr 7', 'butil -dump orders.btr page d0'],
    load: async () => (await import('./commands/dump.js')).command,
  },
  {
    name: 'endbu',
    summary: 'takes files out of continuous operation: their deltas are rolled in',
    operands: [
      optional(path('sourceFile|@listFile', 'a data file, or a list of them, one a line')),
    ],
    owners: 1,
    classic: [{ name: 'A', value: 'none', describe: 'all files that butil has put in' }],
    long: [
      { name: 'all', describe: 'all files, whoever has put them in' },
      { name: 'discard', describe: 'gives up what was changed since the start' },
      { name: 'yes', describe: 'with --discard: for good' },
      { name: 'nowait', describe: 'returns at once; -contops shows how far it is' },
    ],
    usage: '<sourceFile|@listFile|-A> [--all] [--discard --yes] [--nowait]',
    notes: [
      'Returns when everything is in the data files. Interrupted, a file goes on at its next opening or',
      'stays in.',
    ],
    examples: ['butil -endbu orders.btr', 'butil -endbu @files.lst', 'butil -endbu -A'],
    load: async () => (await import('./commands/continuous.js')).end,
  },
  {
    name: 'events',
    summary: 'shows what the engine of a root has told its operator',
    operands: [],
    owners: 0,
    long: [
      { name: 'limit', value: 'number', describe: 'so many events; 20, and with --since all' },
      { name: 'last', value: 'number', describe: 'the same' },
      {
        name: 'since',
        value: 'time',
        describe: 'only those since then, for instance 2026-01-31T14:00',
      },
      { name: 'until', value: 'time', describe: 'only those up to then' },
      {
        name: 'id',
        value: 'name',
        describe: 'only those of this kind; may be repeated',
        isRepeated: true,
      },
      { name: 'file', value: 'file', describe: 'only those about this file' },
      {
        name: 'severity',
        value: 'I|W|E',
        describe: 'only these and what is worse',
        choices: ['I', 'W', 'E'],
      },
    ],
    examples: [
      'butil -events',
      'butil -events --limit 100 --severity W',
      'butil -events --since 2026-01-31 --id file-failed --id file-unclean',
    ],
    load: async () => (await import('./commands/events.js')).command,
  },
  {
    name: 'export',
    summary: 'writes the records of a file as CSV or JSON Lines',
    operands: [SOURCE, path('outputFile', 'the text file, in UTF-8')],
    owners: 2,
    long: [
      {
        name: 'to',
        value: 'csv|jsonl',
        describe: 'the format; by the name of the output, else csv',
        choices: ['csv', 'jsonl'],
      },
      {
        name: 'layout',
        value: 'file',
        describe: 'names, types and places of the fields, in JSON',
      },
      {
        name: 'ddf',
        value: 'directory',
        describe: 'instead: where FILE.DDF, FIELD.DDF and INDEX.DDF are',
      },
      { name: 'table', value: 'name', describe: 'in the dictionary; else found by the file name' },
      { name: 'encoding', value: 'name', describe: 'of text in the records, for instance cp850' },
      { name: 'key', value: 'number', describe: 'in the order of this key; else as they lie' },
      { name: 'exact', describe: 'so that an import gives back every byte' },
      REPLACE,
      DRY_RUN,
    ],
    usage: 'sourceFile outputFile --layout file | --ddf directory [-O<owner1|*> [-O<owner2|*>]]',
    notes: [
      'The second owner name is that of the dictionary. Fields come from a layout file (see',
      'docs/legacy-files.md) or from a dictionary.',
      ...REPLACED,
    ],
    examples: [
      'butil -export orders.btr orders.csv --layout orders.json',
      'butil -export orders.btr orders.jsonl --ddf . --encoding cp850 --exact',
    ],
    load: async () => (await import('./commands/exchange.js')).exportCommand,
  },
  {
    name: 'identify',
    summary:
      'says of any files whether they are Btrieve files, of which format, and whether they are sound',
    operands: [{ ...path('file|directory', 'what to look at'), isRepeated: true }],
    owners: 1,
    long: [{ name: 'quick', describe: 'headers only, instead of every record and index' }],
    notes: [
      'Nothing is changed. Of a directory all files in it and below it are looked at. Exit code 1: a',
      'Btrieve file is damaged, or cannot be read as it is. Each file is tried with all owner names, of',
      'which --owner-file may have any number.',
    ],
    examples: ['butil -identify orders.btr', 'butil -identify data --quick --json'],
    load: async () => (await import('./commands/identify.js')).command,
  },
  {
    name: 'freeze',
    summary: 'has the engine that runs on the root write nothing, for a snapshot of its volumes',
    operands: [],
    owners: 0,
    long: [{ name: 'timeout', value: 'time', describe: 'thaws by itself after so long; 60s' }],
    notes: [
      'Everything is completed and synced first. Reads go on; what writes gets status 85, or waits if it comes',
      'from another process. -thaw ends it, and exits with 2 if the limit has passed: the snapshot is not valid.',
    ],
    examples: ['butil -freeze --timeout 30s', 'butil -thaw'],
    load: async () => (await import('./commands/freeze.js')).freeze,
  },
  {
    name: 'hotcopy',
    summary: 'copies files in use into a directory, all as they are at one moment',
    operands: [
      path('sourceFile|@listFile', 'a data file, or a list of them, one a line'),
      path('directory', 'where the copies go'),
    ],
    owners: 1,
    long: [YES],
    notes: ['Every page is verified while it is copied. Without --yes nothing is replaced.'],
    examples: ['butil -hotcopy orders.btr /backup', 'butil -hotcopy @files.lst /backup'],
    load: async () => (await import('./commands/hot-copy.js')).command,
  },
  {
    name: 'import',
    summary: 'inserts rows of CSV or JSON Lines into a file',
    operands: [path('inputFile', 'the text file, in UTF-8'), OUTPUT],
    owners: 2,
    long: [
      {
        name: 'from',
        value: 'csv|jsonl',
        describe: 'the format; by the name of the input, else csv',
        choices: ['csv', 'jsonl'],
      },
      {
        name: 'layout',
        value: 'file',
        describe: 'names, types and places of the fields, in JSON',
      },
      {
        name: 'ddf',
        value: 'directory',
        describe: 'instead: where FILE.DDF, FIELD.DDF and INDEX.DDF are',
      },
      { name: 'table', value: 'name', describe: 'in the dictionary; else found by the file name' },
      { name: 'encoding', value: 'name', describe: 'of text in the records, for instance cp850' },
      DRY_RUN,
    ],
    usage: 'inputFile outputFile --layout file | --ddf directory [-O<owner1|*> [-O<owner2|*>]]',
    notes: [
      'Columns are known by the names in the first row; fields without a column are empty. The second',
      'owner name is that of the dictionary.',
    ],
    examples: ['butil -import orders.csv orders.btr --layout orders.json'],
    load: async () => (await import('./commands/exchange.js')).importCommand,
  },
  {
    name: 'index',
    summary: 'makes an external index of a file',
    operands: [
      SOURCE,
      path('indexFile', 'the new index, a data file'),
      path('descriptionFile', 'the segments of its key'),
    ],
    owners: 1,
    long: [YES, DRY_RUN],
    notes: ['It serves SAVE: butil -save orders.btr orders.seq Y orders.idx'],
    examples: ['butil -index orders.btr orders.idx orders.des'],
    load: async () => (await import('./commands/indexes.js')).externalIndex,
  },
  {
    name: 'load',
    summary: 'inserts the records of an unformatted file into a data file',
    operands: [UNFORMATTED, OUTPUT],
    owners: 1,
    long: [DRY_RUN],
    examples: ['butil -load orders.seq orders.btr'],
    load: async () => (await import('./commands/load.js')).command,
  },
  {
    name: 'log',
    summary: 'shows the transaction log and the files that need it; gives up what it has for one',
    operands: [
      optional(word('list|release', 'what to do; list')),
      optional(path('file', 'with release: a data file, or the path of one that is no more')),
    ],
    owners: 1,
    long: [{ ...YES, describe: 'gives it up without asking' }, DRY_RUN],
    usage: '[list | release file [-O<owner|*>]]',
    notes: [
      'LIST changes nothing, and may run beside an engine. RELEASE is for files that cannot be rolled',
      'forward, that the log of another root has changes of, or that are no more; an engine that runs at',
      'the root does it. What it says that is lost is lost.',
    ],
    examples: ['butil -log list', 'butil -log release old.btr --dry-run'],
    load: async () => (await import('./commands/log.js')).command,
  },
  {
    name: 'purge',
    summary: 'writes what memory holds of a file to the disk, and forgets it',
    operands: [SOURCE],
    owners: 1,
    load: async () => (await import('./commands/engine.js')).purge,
  },
  {
    name: 'rebuild',
    summary:
      'makes new files of this engine of those of the original, or of its own; compares them',
    operands: [
      path('sourceFile|directory', 'what is to be rebuilt'),
      optional(path('outputFile|directory', 'the new file; without it in place')),
    ],
    owners: 1,
    long: [
      { name: 'page-size', value: 'bytes', describe: 'of the new file; else that of the old one' },
      {
        name: 'format',
        value: 'version',
        describe: 'that the new file behaves like; else that of the old one, or 9.5',
        choices: ['6.0', '6.1', '7.0', '8.0', '9.0', '9.5', '13.0'],
      },
      { ...YES, describe: 'the output may take the place of a data file of this engine' },
      DRY_RUN,
    ],
    notes: [
      'Records, keys with their numbers, collating sequences and the order of records are kept; the owner',
      'name is not. The new file gets its name when it has been compared with the old one. In place, the',
      'old file is kept as sourceFile.before-rebuild. A directory goes into another one, with all below',
      'it; what is there already is left, so that the same command goes on where it was interrupted.',
      'Each file of a directory is tried with all owner names of --owner-file.',
    ],
    examples: [
      'butil -rebuild old/orders.btr new/orders.btr',
      'butil -rebuild orders.btr --page-size 8192',
      'butil -rebuild old new -Opam --json',
    ],
    load: async () => (await import('./commands/rebuild.js')).command,
  },
  {
    name: 'readlog',
    summary: 'shows what an archival log holds: who did what when',
    operands: [path('file', 'a data file, or an archival log')],
    owners: 1,
    long: [
      { name: 'log', value: 'file|directory', describe: 'the log of the data file' },
      { name: 'since', value: 'time', describe: 'from then on; without a zone local' },
      { name: 'until', value: 'time', describe: 'up to then' },
      { name: 'from-lsn', value: 'number', describe: 'transactions from this one on' },
      { name: 'to-lsn', value: 'number', describe: 'transactions up to this one' },
      { name: 'tx', value: 'number', describe: 'this transaction' },
      { name: 'client', value: 'name', describe: 'what this client did' },
      {
        name: 'operation',
        value: 'insert|update|delete|patch',
        describe: 'these operations',
        choices: ['insert', 'update', 'delete', 'patch'],
      },
      { name: 'key', value: 'text|hex:bytes', describe: 'records that have this in them' },
      { name: 'images', describe: 'records before and after, in hexadecimal' },
      { name: 'layout', value: 'file', describe: 'the same, by the fields of a JSON file' },
      { name: 'limit', value: 'number', describe: 'so many entries; all, with --json 10000' },
    ],
    notes: [
      'A layout: { "fields": [{ "name": "id", "offset": 0, "length": 4, "type": "integer" }] },',
      'with the types integer, unsigned, string and hex. What is encrypted takes the owner name of its time;',
      'several are separated by commas. Exit code 1: some was not opened by those that were given.',
    ],
    examples: [
      'butil -readlog orders.btr --since 2026-01-31T14:00 --client anna',
      'butil -readlog orders.log --tx 33554436 --images',
    ],
    load: async () => (await import('./commands/read-log.js')).command,
  },
  {
    name: 'recover',
    summary: 'writes what can be read of a damaged file into an unformatted file',
    operands: [SOURCE, UNFORMATTED],
    owners: 1,
    long: [
      {
        name: 'like',
        value: 'file',
        describe: 'a file of the same kind, if the definition is lost',
      },
      { name: 'backward', describe: 'from the end of the file to its beginning' },
      REPLACE,
      DRY_RUN,
    ],
    notes: [
      'Only pages with a right checksum are believed. CLONE and LOAD make a file of it again.',
      ...REPLACED,
    ],
    examples: ['butil -recover broken.btr broken.seq', 'butil -recover broken.btr x --dry-run'],
    load: async () => (await import('./commands/recover.js')).command,
  },
  {
    name: 'recoverall',
    summary: 'opens every file that the transaction log has changes of, so that each gets them',
    operands: [],
    owners: 1,
    notes: [
      'After a crash files get them when they are opened; this opens all. The owner name is tried with',
      'each of them. Exit code 1: some go on waiting, 2: all do that needed anything.',
    ],
    examples: ['butil -recoverall', 'butil -recoverall -Opam --json'],
    load: async () => (await import('./commands/recover-all.js')).command,
  },
  {
    name: 'rollfwd',
    summary: 'rolls restored files forward by their archival logs',
    operands: [
      path('sourceFile|directory|@listFile', 'data files, of a directory the archived ones'),
    ],
    owners: 1,
    classic: [
      { name: 'L', value: 'maybe', describe: 'writes a dump of the log and does no more' },
      { name: 'W', value: 'maybe', describe: 'writes a dump, too; without a name blog/broll.lst' },
      { name: 'T', value: 'glued', describe: 'bytes of the data buffer in the dump; none' },
      { name: 'E', value: 'glued', describe: 'bytes of the key buffer in the dump; none' },
      { name: 'H', value: 'none', describe: 'numbers in the dump in hexadecimal' },
      { name: 'V', value: 'none', describe: 'client, time and transaction in the dump' },
      { name: 'A', value: 'none', describe: 'after an error goes on with the next file' },
    ],
    long: [
      {
        name: 'until',
        value: 'time|lsn:N|before-tx:ID|name:X',
        describe: 'only so far; a time without a zone is local',
      },
      {
        name: 'log',
        value: 'file|directory',
        describe: 'an archival log, instead of that of the file; may be repeated',
        isRepeated: true,
      },
      { name: 'archive-only', describe: 'without what only the transaction log has' },
      { name: 'up-to-damage', describe: 'up to where the log is damaged or has a gap' },
      {
        name: 'timeline',
        value: 'number',
        describe: 'which, where a file went on in several ways; may be repeated, for several files',
        isRepeated: true,
      },
      {
        name: 'accept',
        describe: 'takes older copies as they are: each goes on in a history of its own',
      },
      DRY_RUN,
    ],
    usage:
      'sourceFile|directory|@listFile [-L[file] | -W[file] [-T<n>] [-E<n>] [-H] [-V]] [-O<owner|*>] [-A]',
    notes: [
      'First restore the backup, and let nobody open the files. All of it is planned before anything is',
      'changed; it may be interrupted and begun again. Of several files transactions are whole. Owner names',
      'of several files are separated by commas.',
    ],
    examples: [
      'butil -rollfwd orders.btr --dry-run',
      'butil -rollfwd @files.lst --until 2026-01-31T14:00 -A',
      'butil -rollfwd copy.btr --log backup/orders.log --log orders.log',
    ],
    load: async () => (await import('./commands/roll-forward.js')).command,
  },
  {
    name: 'save',
    summary: 'writes the records of a file into an unformatted file',
    operands: [
      SOURCE,
      UNFORMATTED,
      optional(word('Y|N', 'Y: by an external index, N: by a key')),
      optional({
        name: 'indexFile|keyNumber',
        kind: 'path-after-y',
        describe: 'the external index, or the number of the key; -1: as they lie in the file',
      }),
    ],
    owners: 1,
    long: [REPLACE, DRY_RUN],
    notes: REPLACED,
    examples: [
      'butil -save orders.btr orders.seq',
      'butil -save orders.btr orders.seq N 2',
      'butil -save orders.btr orders.seq N -1',
      'butil -save orders.btr orders.seq Y orders.idx',
    ],
    load: async () => (await import('./commands/save.js')).command,
  },
  {
    name: 'setowner',
    summary: 'protects a file by an owner name',
    operands: [
      SOURCE,
      word('level', '0: no access without the name, 1: reading, 2 and 3: the same, encrypted'),
      optional(word('(level)', 'if the owner name stands before it, without -O')),
    ],
    owners: 1,
    classic: [{ name: 'L', value: 'none', describe: 'a long owner name, up to 24 bytes' }],
    long: [DRY_RUN],
    usage: 'sourceFile -O<owner|*> level [-L]',
    secrets: (operands) => (operands.length > 2 ? [1] : []),
    notes: [
      'Without -L an owner name has up to 8 bytes. Whoever loses the name of a file of level 0 or 2 has',
      'lost the file. Also, as in older versions: butil -setowner sourceFile owner level',
    ],
    examples: ['butil -setowner orders.btr -Opam 0', 'butil -setowner orders.btr -O* 2 -L'],
    load: async () => (await import('./commands/owner.js')).setOwner,
  },
  {
    name: 'sindex',
    summary: 'adds an index to a file',
    operands: [
      SOURCE,
      path('descriptionFile|SYSKEY', 'the segments of the key, or the key of system data'),
      optional(word('keyNumber', 'its number; the lowest that is free')),
    ],
    owners: 1,
    long: [DRY_RUN],
    examples: ['butil -sindex orders.btr city.des', 'butil -sindex orders.btr SYSKEY'],
    load: async () => (await import('./commands/indexes.js')).addIndex,
  },
  {
    name: 'startbu',
    summary: 'puts files into continuous operation, so that any tool can copy them',
    operands: [path('sourceFile|@listFile', 'a data file, or a list of them, one a line')],
    owners: 1,
    notes: [
      'All files of the list, at one moment, or none. The data files do not change until -endbu; changes',
      'go to name.^^^ beside them.',
    ],
    examples: ['butil -startbu orders.btr', 'butil -startbu @files.lst'],
    load: async () => (await import('./commands/continuous.js')).start,
  },
  {
    name: 'stat',
    summary: 'shows what a file is and what is in it',
    operands: [SOURCE],
    owners: 1,
    examples: ['butil -stat orders.btr', 'butil -stat orders.btr --json'],
    load: async () => (await import('./commands/stat.js')).command,
  },
  {
    name: 'statistics',
    summary: 'shows what the engine that runs on the root is doing',
    operands: [],
    owners: 0,
    notes: ['Exit code 2: none is running.'],
    examples: ['butil -statistics', 'butil -statistics --json'],
    load: async () => (await import('./commands/statistics.js')).command,
  },
  {
    name: 'stop',
    summary: 'stops the engine that runs on the root',
    operands: [],
    owners: 0,
    long: [{ ...YES, describe: 'also an engine that a program runs for itself' }],
    load: async () => (await import('./commands/engine.js')).stop,
  },
  {
    name: 'thaw',
    summary: 'ends what -freeze has begun',
    operands: [],
    owners: 0,
    notes: ['Exit code 2: the limit of -freeze has passed before, and the snapshot is not valid.'],
    load: async () => (await import('./commands/freeze.js')).thaw,
  },
  {
    name: 'undo',
    summary: 'undoes one transaction by the archival logs of its files',
    operands: [{ ...path('sourceFile', 'the data files that it has changed'), isRepeated: true }],
    owners: 1,
    long: [
      { name: 'tx', value: 'number', describe: 'which transaction' },
      { name: 'log', value: 'file|directory', describe: 'the archival logs' },
      {
        name: 'force',
        describe: 'also records that were changed since, and without its other files',
      },
      { ...YES, describe: 'does it without asking' },
      DRY_RUN,
    ],
    usage: 'sourceFile ... --tx number [-O<owner|*>]',
    notes: [
      'READLOG shows the numbers of transactions. Without --yes it is only shown what would be done.',
      'Owner names of several files, or of several times of one, are separated by commas.',
    ],
    examples: [
      'butil -undo orders.btr --tx 33554436',
      'butil -undo orders.btr items.btr --tx 33554436 --yes',
    ],
    load: async () => (await import('./commands/undo.js')).command,
  },
  {
    name: 'ver',
    summary: 'shows the version',
    operands: [],
    owners: 0,
    load: async () => (await import('./commands/ver.js')).command,
  },
];

export function findCommand(name: string | undefined): CommandEntry | undefined {
  return COMMANDS.find((command) => command.name === name);
}
