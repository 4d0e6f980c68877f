/**
 * Listening sockets that systemd hands over to a service that their first connection started (sd_listen_fds(3)): descriptors from 3 on,
 * counted by LISTEN_FDS, named by LISTEN_FDNAMES, meant for the process LISTEN_PID only. Node itself marks what it inherits close-on-exec,
 * so programs that this process starts get none of them.
 */
import { printable } from '../config/setting-reader';
import { LarderError } from '../errors';

/** The first descriptor behind standard input, output and error (SD_LISTEN_FDS_START). */
const FIRST = 3;
/** More than any unit has; a larger number is a mistake. */
const MOST = 1000;
const VARIABLES = ['LISTEN_FDS', 'LISTEN_PID', 'LISTEN_FDNAMES', 'LISTEN_PIDFDID'];

/**
 * Takes the sockets of a cache out of an environment: those named `cache-<name>`, as FileDescriptorName= or the unit's file name has it, or all
 * if none has a name. What was said of them is removed, whoever it was meant for, so that no child takes it for its own.
 * @returns file descriptors; none where the process was started in another way
 * @throws LarderError start: sockets are handed over, but none of them is this cache's
 */
export function takeInherited(env: NodeJS.ProcessEnv, name: string, pid = process.pid): readonly number[] {
  const [count, meant, names] = VARIABLES.map((variable) => env[variable]);
  for (const variable of VARIABLES) delete env[variable];
  if (count === undefined || meant !== String(pid)) return [];
  const sockets = /^\d{1,4}$/.test(count) ? Number(count) : NaN;
  if (!(sockets <= MOST)) throw refusal(`LISTEN_FDS=${printable(count)} is no number of sockets`);
  const all = Array.from({ length: sockets }, (_, index) => FIRST + index);
  if (names === undefined || names === '') return all;
  const listed = names.split(':');
  const ours = all.filter((_, index) => listed[index] === `cache-${name}` || listed[index] === `cache-${name}.socket`);
  if (all.length > 0 && ours.length === 0)
    throw refusal(`of the sockets that are handed over (LISTEN_FDNAMES=${printable(names)}) none is named cache-${name}`);
  return ours;
}

function refusal(what: string): LarderError {
  return new LarderError('start', { what, remedy: 'write the units anew with make install-sockets' });
}
