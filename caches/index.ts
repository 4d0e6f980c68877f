/** Every ecosystem this appliance knows. */
import { alice } from './alice/alice';
import { apt } from './apt/apt';
import { composer } from './composer/composer';
import { http } from './http/http';
import { julia } from './julia/julia';
import type { Module } from './module';
import { npm } from './npm/npm';
import { pip } from './pip/pip';

export const modules: readonly Module[] = [npm, pip, apt, composer, julia, alice, http];
