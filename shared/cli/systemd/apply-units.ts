/** Puts a set of units in force: writes them, tells systemd, starts sockets and timers; all of it, or nothing. */
import { existsSync, lstatSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { LarderError } from '../../errors';
import type { FileChanges } from './file-changes';
import type { Manager } from './systemctl';
import { isUnitName } from './unit-names';
import { MARK } from './unit-text';

/** Units that are to be in force, and what goes with them. */
export interface UnitSet {
  /** Folder of the units, on disk. */
  readonly folder: string;
  /** Texts by name: these are in force afterwards. */
  readonly units: ReadonlyMap<string, string>;
  /** Units of ours that are no longer wanted. */
  readonly obsolete: readonly string[];
  /** Changes that were made for it already; they are taken back with the rest. */
  readonly changes: FileChanges;
  /** Whether services that run must start anew although their units are the same. */
  readonly renewed: boolean;
}

/** What was different from before, by unit. */
export interface Applied {
  readonly written: readonly string[];
  readonly removed: readonly string[];
}

/** The units of ours in a folder, by their mark. */
export function ownUnits(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return (
    readdirSync(folder)
      .filter(isUnitName)
      // Others have links there that lead nowhere.
      .filter((name) => existsSync(join(folder, name)) && readFileSync(join(folder, name), 'utf8').startsWith(MARK))
      .sort()
  );
}

/** @throws LarderError start: units of somebody else's have these names; what systemd complained of, then everything is as it was before */
export function applyUnits(manager: Manager, set: UnitSet): Applied {
  const { folder, units, changes } = set;
  const before = new Map(ownUnits(folder).map((name) => [name, readFileSync(join(folder, name), 'utf8')]));
  const names = [...units.keys()];
  const foreign = names.find((name) => !before.has(name) && lstatSync(join(folder, name), { throwIfNoEntry: false }) !== undefined);
  if (foreign !== undefined)
    throw new LarderError('start', {
      what: `${join(folder, foreign)} is there already, and was not written by Larder`,
      remedy: 'disable and remove it (or unmask it) first',
    });
  const activeBefore = [...manager.states([...before.keys()])].flatMap(([name, { active }]) => (active === 'active' ? [name] : []));
  try {
    const obsolete = set.obsolete.filter((name) => before.has(name));
    withdraw(manager, folder, obsolete, changes);
    const written = names.filter((name) => changes.write(join(folder, name), units.get(name) ?? ''));
    manager.run('daemon-reload');
    const wanted = names.filter((name) => /^\[Install\]$/m.test(units.get(name) ?? ''));
    if (wanted.length > 0) manager.run('enable', '--quiet', ...wanted);
    // What else is new of a socket comes with the next boot: nobody's connection is refused for it.
    const isMoved = (name: string): boolean => before.has(name) && forWhom(before.get(name)) !== forWhom(units.get(name));
    const changedSockets = written.filter((name) => name.endsWith('.socket') && isMoved(name));
    // A socket does not start beside its running service, so that one goes with it.
    if (changedSockets.length > 0) manager.run('stop', ...changedSockets, ...changedSockets.map(startedBy));
    const failed = [...manager.states(wanted)].flatMap(([name, { active }]) => (active === 'failed' ? [name] : []));
    if (failed.length > 0) manager.run('reset-failed', ...failed);
    if (wanted.length > 0) manager.run('start', ...wanted);
    const services = names.filter((name) => name.endsWith('.service') && (set.renewed || written.includes(name)) && before.has(name));
    // The sockets hold what comes meanwhile.
    if (services.length > 0) manager.run('try-restart', ...services);
    return { written, removed: obsolete };
  } catch (error) {
    takeBack(manager, set, before, activeBefore);
    throw error;
  }
}

function takeBack(manager: Manager, set: UnitSet, before: ReadonlyMap<string, string>, activeBefore: readonly string[]): void {
  const added = [...set.units.keys()].filter((name) => !before.has(name));
  if (added.length > 0) {
    manager.try('disable', '--quiet', '--now', ...added);
    manager.try('reset-failed', ...added);
  }
  set.changes.undo();
  manager.try('daemon-reload');
  const standing = [...before].flatMap(([name, text]) => (/^\[Install\]$/m.test(text) ? [name] : []));
  if (standing.length > 0) manager.try('enable', '--quiet', ...standing);
  const again = activeBefore.filter((name) => !name.endsWith('.service'));
  if (again.length > 0) manager.try('start', ...again);
}

/** Stops units, and removes them with their links and drop-ins. */
export function withdraw(manager: Manager, folder: string, names: readonly string[], changes: FileChanges): void {
  if (names.length === 0) return;
  // Sockets and timers first, else they would wake what is being stopped.
  const waking = names.filter((name) => !name.endsWith('.service'));
  if (waking.length > 0) {
    manager.run('disable', '--quiet', ...waking);
    manager.run('stop', ...waking);
  }
  manager.run('stop', ...names);
  // When it last elapsed, kept for Persistent=.
  for (const timer of names.filter((name) => name.endsWith('.timer'))) manager.try('clean', '--what=state', timer);
  for (const name of names) {
    changes.remove(join(folder, name));
    rmSync(join(folder, `${name}.d`), { recursive: true, force: true });
  }
  manager.run('daemon-reload');
  manager.try('reset-failed', ...names);
}

/** Where a socket listens, and who may connect to it: that is settled when it starts to listen. */
function forWhom(unit = ''): string {
  return unit
    .split('\n')
    .filter((line) => /^(?:Listen|BindIPv6Only=|IPAddress)/.test(line))
    .join('\n');
}

function startedBy(socket: string): string {
  return socket.replace(/\.socket$/, '.service');
}
