import type { Module } from '../../caches/module';
import { LarderError } from '../errors';
import type { IndexJob } from './types';
export function runIndexJob(_modules: readonly Module[], _job: IndexJob): Promise<Buffer> {
  return Promise.reject(new LarderError('internal', { reason: 'not yet' }));
}
