/** The kinds of jobs, as they go to a worker thread and come back. */
import type { DocumentPage, Roster } from '../../caches/module';
import type { ErrorCode, Facts } from '../errors';
import type { EssentialJob, IndexJob, PageJob, RenderJob, RenderResult, RosterJob } from './types';

interface Kinds {
  readonly render: { readonly job: RenderJob; readonly result: RenderResult };
  readonly page: { readonly job: PageJob; readonly result: DocumentPage | undefined };
  readonly roster: { readonly job: RosterJob; readonly result: Roster };
  readonly essential: { readonly job: EssentialJob; readonly result: undefined };
  readonly index: { readonly job: IndexJob; readonly result: Buffer };
}

export type JobKind = keyof Kinds;
export type JobOf<K extends JobKind> = Kinds[K]['job'];
export type ResultOf<K extends JobKind> = Kinds[K]['result'];

/** What a worker is sent. */
export type Job = { [K in JobKind]: { readonly kind: K; readonly job: JobOf<K> } }[JobKind];

/** What comes back: a result of the job's kind, or an error as plain facts. */
export type Answer = { readonly result: ResultOf<JobKind> } | { readonly code: ErrorCode; readonly facts: Facts };

/** What a job is about, for errors and the log: a canonical path. */
export function targetOf({ kind, job }: Job): string {
  if (kind === 'essential') return job.announced.target;
  return kind === 'index' ? indexTarget(job) : job.path;
}

/** Canonical path of an index: names in a roster are relative to its folder. */
export function indexTarget({ rosterPath, name }: Pick<IndexJob, 'rosterPath' | 'name'>): string {
  return rosterPath.slice(0, rosterPath.lastIndexOf('/') + 1) + name;
}
