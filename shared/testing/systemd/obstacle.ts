/** Whether tests may boot a machine of their own here; sealed.sh prepares it. */
import { existsSync } from 'node:fs';

/** Why not; '' if they may. */
export const obstacle = find(process.env);

function find(env: NodeJS.ProcessEnv): string {
  if (env['LARDER_E2E_SYSTEMD'] !== '1') return 'make e2e-systemd runs it';
  if (env['LARDER_E2E_OBSTACLE']) return env['LARDER_E2E_OBSTACLE'];
  return existsSync(`${env['LARDER_E2E_ROOT'] ?? ''}/usr/lib/systemd/systemd`)
    ? ''
    : 'there is no root to boot: run it by make e2e-systemd';
}

/** Whether the first test of this file failed: it opens what the others use. */
let isUnusable = false;
let declared = 0;

/** Declares a test that needs a machine; where something is missing it is skipped, and its name says what. */
export function onMachine(name: string, body: () => Promise<void>, timeoutMs = 120_000, missing = obstacle): void {
  if (missing !== '') return it.skip(`${name} (skipped: ${missing})`, body);
  const isFirst = declared++ === 0;
  it(
    name,
    async () => {
      if (isUnusable) throw new Error('the first test of this file failed, and this one uses what it opens');
      isUnusable = isFirst;
      await body();
      isUnusable = false;
    },
    timeoutMs,
  );
}
