/** What tests with a real Docker engine work with: `make e2e-docker` starts the engine (global-setup.ts) and hands it over. */
import { join } from 'node:path';

import { run, runWell, type Outcome } from '../clients/run';
import { engineVariables, inNetworkOf, type Engine } from './engine';

/** The variable by which the engine is handed over, or the reason why there is none. */
export const HANDED = 'LARDER_E2E_STAGE';
/** Longest time for one command, ms. */
const LONGEST_MS = 180_000;

/** What all these tests share: an engine with base images in it. */
export interface Stage {
  readonly engine: Engine;
  /** The engine's only way to the registries: a proxy. */
  readonly proxy: string;
  /** Base images: a Debian with apt, npm and pip; and little but Node and npm. */
  readonly debian: string;
  readonly small: string;
}

const handed = JSON.parse(process.env[HANDED] ?? '{}') as Partial<Stage> & { readonly missing?: string };

/** Why there is no engine; '' if there is one. */
export const missing: string =
  handed.missing ?? (process.env['LARDER_E2E_DOCKER'] !== '1' || !handed.engine ? 'make e2e-docker runs it' : '');

/** Declares a test that needs the engine, and what else is missing ('' = nothing). What cannot run is skipped, and its name says why. */
export function withEngine(name: string, body: () => Promise<void>, timeoutMs: number, also = ''): void {
  const why = missing || also;
  if (why === '') it(name, body, timeoutMs);
  else it.skip(`${name} (skipped: ${why})`, body, timeoutMs);
}

/** @throws Error outside of tests that `withEngine` declared */
export function stage(): Stage {
  if (missing !== '' || !handed.engine) throw new Error(missing);
  return handed as Stage;
}

/** How a command is run there. */
export interface Here {
  readonly cwd?: string;
  /** Added to what the client needs to reach the engine. */
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** Runs a command on the engine's machine: in its network, with the client's settings. */
export function onMachine(command: readonly string[], { cwd = '/', env = {}, timeoutMs = LONGEST_MS }: Here = {}): Promise<Outcome> {
  const { engine } = stage();
  return run(inNetworkOf(engine, command), { cwd, env: { ...engineVariables(engine), ...env }, timeoutMs });
}

/** As onMachine; what it printed, without white space around it. @throws Error if its status is not 0 */
export async function well(command: readonly string[], { cwd = '/', env = {}, timeoutMs = LONGEST_MS }: Here = {}): Promise<string> {
  const { engine } = stage();
  const { stdout } = await runWell(inNetworkOf(engine, command), { cwd, env: { ...engineVariables(engine), ...env }, timeoutMs });
  return stdout.trim();
}

/** A folder on the engine's machine that is gone with the engine. */
export function folderFor(name: string): string {
  return join(stage().engine.folder, name);
}
