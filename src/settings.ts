/**
 * The settings of an engine: names, ranges, defaults. They are those of the documented ones in camel
 * case.
 *
 * Source: Actian Zen Advanced Operations Guide, on configuration.
 */
import { BtrieveError, Status } from './microkernel/status.js';

export interface Settings {
  /** Bytes of memory for pages: 1 MiB to 64 GiB. Raised where a file could not work within it. */
  readonly cacheAllocationSize: number;
  /** Milliseconds after the first change of a file, after which it is written: 1 to 1,800,000. */
  readonly initiationTimeLimitMs: number;
  /** Operations that change a file, after which it is written: 1 to 65,535. */
  readonly operationBundleLimit: number;
  /** Percent by which a file grows at least when it has to: 0 to 100. */
  readonly fileGrowthFactor: number;
}

interface Range {
  readonly least: number;
  readonly most: number;
  readonly usual: number;
}

const MIB = 1024 * 1024;

const RANGES: Readonly<Record<keyof Settings, Range>> = Object.freeze({
  cacheAllocationSize: { least: MIB, most: 64 * 1024 * MIB, usual: 256 * MIB },
  initiationTimeLimitMs: { least: 1, most: 1_800_000, usual: 10_000 },
  operationBundleLimit: { least: 1, most: 65_535, usual: 65_535 },
  fileGrowthFactor: { least: 0, most: 100, usual: 15 },
});

const NAMES = Object.keys(RANGES) as (keyof Settings)[];

/** Settings as given, completed. Throws 160 naming the one that is unknown or out of range. */
export function completeSettings(given: Partial<Settings> = {}): Settings {
  for (const name of Object.keys(given)) {
    if (!NAMES.some((known) => known === name)) {
      throw refusal(name, 'there is no such setting', NAMES.join(', '), name);
    }
  }
  const entries = NAMES.map((name) => [name, checked(name, given[name])] as const);
  return Object.fromEntries(entries) as Record<keyof Settings, number>;
}

function checked(name: keyof Settings, value: unknown): number {
  const { least, most, usual } = RANGES[name];
  if (value === undefined) return usual;
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) {
    return value;
  }
  throw refusal(name, 'the value is out of range', `${least} to ${most}`, value);
}

function refusal(name: string, message: string, expected: string, found: unknown): BtrieveError {
  return new BtrieveError(Status.INVALID_PARAMETER_TO_MKDE, `setting ${name}: ${message}`, {
    reason: 'setting',
    expected,
    found: JSON.stringify(found),
  });
}
