/** Documents that are made from tables, so that they cannot disagree with the program. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Module } from '../../caches/module';
import { envExample } from '../config/env-example';
import { ROOT } from '../config/sources';
import { composeFile } from './containers/compose-file';
import { ecosystemPage } from './ecosystem-page';

/** Path in the clone and text of every generated document. */
export function generatedDocuments(modules: readonly Module[]): { readonly path: string; readonly text: string }[] {
  const pages = modules.map((module) => ({ path: `docs/ecosystems/${module.name}.md`, text: ecosystemPage(module) }));
  return [{ path: '.env.example', text: envExample(modules) }, { path: 'compose.yaml', text: composeFile(modules) }, ...pages];
}

/** Writes them all. @returns the paths of those that changed */
export function writeDocuments(modules: readonly Module[]): string[] {
  const outdated = outdatedDocuments(modules);
  for (const { path, text } of generatedDocuments(modules)) {
    if (!outdated.includes(path)) continue;
    mkdirSync(dirname(join(ROOT, path)), { recursive: true });
    writeFileSync(join(ROOT, path), text);
  }
  return outdated;
}

/** Paths of those that are not what they would be if they were made now. */
export function outdatedDocuments(modules: readonly Module[]): string[] {
  return generatedDocuments(modules)
    .filter(({ path, text }) => readText(join(ROOT, path)) !== text)
    .map(({ path }) => path);
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
