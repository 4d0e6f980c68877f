/** Reads a roster. Runs in a worker. */
import type { Module, Roster } from '../../caches/module';
import { LarderError } from '../errors';
import { asOurs, readWhole } from './source';
import type { RosterJob } from './types';

/** @throws LarderError document-invalid | document-too-large | integrity | held-unreadable | internal */
export function runRosterJob(modules: readonly Module[], job: RosterJob): Roster {
  const route = modules.find((module) => module.name === job.module)?.routes.find((candidate) => candidate.name === job.route);
  if (route?.kind !== 'roster') throw new LarderError('internal', { reason: `${job.module} has no roster route ${job.route}` });
  const body = readWhole(job.path, job.source, job.maxBytes);
  try {
    return route.read(body);
  } catch (error) {
    throw asOurs(job.path, error);
  }
}
