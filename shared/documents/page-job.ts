/** Reads one page of a document that comes in pages. Runs in a worker. */
import type { DocumentPage, Module } from '../../caches/module';
import { LarderError } from '../errors';
import { decode } from './render-job';
import { asBuffer, asOurs, readWhole } from './source';
import type { PageJob } from './types';

/** @returns undefined if it is not of the form @throws LarderError document-invalid | document-too-large | internal */
export function runPageJob(modules: readonly Module[], job: PageJob): DocumentPage | undefined {
  const route = modules.find((module) => module.name === job.module)?.routes.find((candidate) => candidate.name === job.route);
  const pages = route?.kind === 'document' ? route.pages : undefined;
  if (!pages) throw new LarderError('internal', { reason: `${job.module} has no document route ${job.route} with pages` });
  const body = decode(job, readWhole(job.path, job.source, job.maxBytes));
  try {
    return pages.read(job.form, asBuffer(body), job.path);
  } catch (error) {
    throw asOurs(job.path, error);
  }
}
