/** Jest's: starts the one engine of all these tests, with the base images in it, and hands it to them through the environment. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { runWell } from '../clients/run';
import { makeBases } from './bases';
import { engineVariables, startEngine, type StartedEngine } from './engine';
import { noEngine } from './machine';
import { HANDED, type Stage } from './stage';

const IMPORT_MS = 120_000;

/** @throws Error if this machine can run an engine, and it does not come up */
export default async function setUp(): Promise<void> {
  const reason = noEngine();
  if (reason !== '') {
    process.env[HANDED] = JSON.stringify({ missing: reason });
    return;
  }
  const kept = join(process.env['XDG_CACHE_HOME'] || join(homedir(), '.cache'), 'larder-e2e-docker');
  const folder = mkdtempSync(join(tmpdir(), 'larder-docker-'));
  const engine = await startEngine(folder, join(kept, 'programs'));
  running = { engine };
  try {
    process.env[HANDED] = JSON.stringify(await furnish(engine, kept));
  } catch (error) {
    await tearDown();
    throw error;
  }
}

async function furnish(engine: StartedEngine, kept: string): Promise<Stage> {
  const [wayOut, proxy] = await openWayOut(engine.machine);
  running = { engine, wayOut };
  const bases = await makeBases(join(kept, 'bases'));
  for (const { tag, tar, changes } of Object.values(bases)) {
    const options = changes.flatMap((line) => ['--change', line]);
    const where = { cwd: engine.folder, env: engineVariables(engine), timeoutMs: IMPORT_MS };
    await runWell(['docker', 'import', ...options, tar, tag], where);
  }
  return { engine, proxy, debian: bases.debian.tag, small: bases.small.tag };
}

let running: { readonly engine: StartedEngine; readonly wayOut?: ChildProcess } | undefined;

/** Jest's globalTeardown, which runs in the same process. */
export async function tearDown(): Promise<void> {
  if (!running) return;
  await running.engine.stop();
  running.wayOut?.kill();
  rmSync(running.engine.folder, { recursive: true, force: true });
  running = undefined;
}

async function openWayOut(address: string): Promise<[ChildProcess, string]> {
  const child = spawn(process.execPath, [join(__dirname, 'way-out-process.js'), address], { stdio: ['pipe', 'pipe', 'inherit'] });
  for await (const line of createInterface({ input: child.stdout })) return [child, line];
  throw new Error('the way out to the registries did not open');
}
