/**
 * Where a setting's raw value comes from. The environment beats the file; the file is `.env`, or LARDER_ENV_FILE, or the
 * whole text of the variable LARDER_ENV. In each of them NAME_FILE names a file that holds the value of NAME.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type * as Dotenv from 'dotenv';
import { LarderError, errorCode } from '../errors';

export type Environment = Readonly<Record<string, string | undefined>>;

/** One of the two places, the stronger first. */
export interface Source {
  /** `environment`, `.env`, the path of another such file, or `LARDER_ENV`, for people. */
  readonly label: string;
  readonly values: Environment;
  /** Folder against which relative file names in it are meant. */
  readonly folder: string;
}

/** The folder of the clone, seen from dist/shared/config. */
export const ROOT = resolve(__dirname, '../../..');

/**
 * Opens both places.
 * @param envFile path of the `.env` file; unless given LARDER_ENV_FILE, else `.env` in the clone
 * @throws LarderError config: a file that was named and cannot be read
 */
export function openSources(env: Environment, envFile?: string): readonly Source[] {
  return [{ label: 'environment', values: env, folder: process.cwd() }, fileSource(env, envFile)];
}

function fileSource(env: Environment, envFile: string | undefined): Source {
  if (env.LARDER_ENV) return { label: 'LARDER_ENV', values: parse(env.LARDER_ENV), folder: ROOT };
  const named = envFile ?? (env.LARDER_ENV_FILE || undefined);
  const path = resolve(named ?? join(ROOT, '.env'));
  if (!named && !existsSync(path)) return { label: '.env', values: {}, folder: ROOT };
  const label = envFile === undefined && named ? path : '.env';
  return { label, values: parse(readText('LARDER_ENV_FILE', path)), folder: dirname(path) };
}

// dotenv is loaded only when there is something to parse: start-up is counted in milliseconds.
function parse(text: string): Environment {
  // eslint-disable-next-line @typescript-eslint/no-require-imports
  return (require('dotenv') as typeof Dotenv).parse(text);
}

/** @throws LarderError config: the file cannot be read */
function readText(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    throw new LarderError('config', { name, value: path, allowed: `the file cannot be read (${errorCode(error) ?? 'unknown'})` }, error);
  }
}

/**
 * The raw value of one name, without surrounding white space; empty values count as absent. A `-` in the name (of an upstream) may be
 * written `_`: a shell cannot export the other.
 * @throws LarderError config: two spellings, or NAME and NAME_FILE, in the same place; an unreadable file
 */
export function lookUp(sources: readonly Source[], name: string): { raw: string; from: string } | undefined {
  const spellings = [...new Set([name, name.replaceAll('-', '_')])].flatMap((spelt) => [
    { spelt, isFile: false },
    { spelt: `${spelt}_FILE`, isFile: true },
  ]);
  for (const { label, values, folder } of sources) {
    const given = spellings.flatMap(({ spelt, isFile }) => {
      const value = values[spelt]?.trim();
      return value ? [{ spelt, value, isFile }] : [];
    });
    const [first, second] = given;
    if (!first) continue;
    if (second) {
      throw new LarderError('config', {
        name: second.spelt,
        value: second.isFile ? second.value : '…', // may be secret
        allowed: `${first.spelt} is set in the same place; keep one of the two`,
      });
    }
    if (!first.isFile) return { raw: first.value, from: label };
    const raw = readText(first.spelt, resolve(folder, first.value)).trim();
    if (raw) return { raw, from: `${label}, ${first.spelt}` };
  }
  return undefined;
}
