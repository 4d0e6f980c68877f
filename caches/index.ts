/** Every ecosystem this appliance knows. */
import { apt } from './apt/apt';
import { composer } from './composer/composer';
import type { Module } from './module';
import { npm } from './npm/npm';
import { pip } from './pip/pip';

export const modules: readonly Module[] = [npm, pip, apt, composer];
