/** Every ecosystem this appliance knows. */
import type { Module } from './module';
import { npm } from './npm/npm';

export const modules: readonly Module[] = [npm];
