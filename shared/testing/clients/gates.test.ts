/** Release-age gates of the clients choose the same version through the cache as directly: the times are there. */
import { CLIENTS, makeProject, type Client } from './clients';
import { startLarder, type Larder } from './larder';
import { registry, whenReachable } from './reachable';

const TIMEOUT_MS = 120_000;
const CLEANUP_MS = 60_000;
/** Many versions, no dependencies. */
const PACKAGE = 'lodash';
const RANGE = '^4.0.0';
const DAY_MS = 86_400_000;

/** How each client is told that no version published after `cutoff` (ms since 1970) may be chosen. */
const GATES: readonly { gate: string; client: Client; setting: (cutoff: number) => string }[] = [
  { gate: 'npm before', client: CLIENTS.npm, setting: (cutoff) => `before=${new Date(cutoff).toISOString()}` },
  { gate: 'npm min-release-age', client: CLIENTS.npm, setting: (cutoff) => `min-release-age=${ageIn(DAY_MS, cutoff)}` },
  { gate: 'Yarn Berry npmMinimalAgeGate', client: CLIENTS.berry, setting: (cutoff) => `npmMinimalAgeGate: ${ageIn(60_000, cutoff)}` },
  { gate: 'pnpm minimumReleaseAge', client: CLIENTS.pnpm, setting: (cutoff) => `minimumReleaseAge: ${ageIn(60_000, cutoff)}` },
  { gate: 'bun minimumReleaseAge', client: CLIENTS.bun, setting: (cutoff) => `minimumReleaseAge = ${ageIn(1_000, cutoff)}` },
];

describe('a release-age gate', () => {
  let larder: Larder | undefined;
  afterAll(async () => larder?.remove(), CLEANUP_MS);

  for (const { gate, client, setting } of GATES) {
    whenReachable(
      `${gate} chooses a version of its time, as without the cache`,
      async () => {
        larder ??= await startLarder();
        const { cutoff, allowed } = await findCutoff();
        const direct = await chosen(client, registry.url, [setting(cutoff)]);
        const cached = await chosen(client, larder.url, [setting(cutoff)]);
        const ungated = await chosen(client, larder.url, []);
        expect(allowed).toContain(direct);
        expect(cached).toBe(direct);
        expect(allowed).not.toContain(ungated);
      },
      TIMEOUT_MS,
    );
  }
});

/**
 * A moment in the middle of the package's life, as the registry tells it (a mirror may give each version the time when it came there),
 * at the beginning of a gap of days, and the versions published until then. The version that is chosen today is not among them.
 */
async function findCutoff(): Promise<{ cutoff: number; allowed: string[] }> {
  const project = await makeProject(CLIENTS.npm, { dependencies: {} }, registry.url);
  try {
    const { stdout } = await project.must('view', PACKAGE, 'time', '--json');
    const times = Object.entries(JSON.parse(stdout) as Record<string, string>).filter(([version]) => /^4\.\d+\.\d+$/.test(version));
    const ordered = times.map(([version, time]) => ({ version, at: Date.parse(time) })).sort((a, b) => a.at - b.at);
    const today = await chosen(CLIENTS.npm, registry.url, []);
    const end = ordered.findIndex(({ version }) => version === today);
    for (let index = Math.min(end, ordered.length) - 1; index >= 0; index -= 1) {
      const [last, next] = [ordered[index], ordered[index + 1]];
      if (last === undefined || next === undefined || next.at - last.at < 3 * DAY_MS) continue;
      return { cutoff: last.at + 1.5 * DAY_MS, allowed: ordered.slice(0, index + 1).map(({ version }) => version) };
    }
    throw new Error(`the registry gives ${PACKAGE} no times between which a gate could stand`);
  } finally {
    await project.remove();
  }
}

/** The version that the client installs. */
async function chosen(client: Client, registryUrl: string, settings: readonly string[]): Promise<string> {
  const project = await makeProject(client, { dependencies: { [PACKAGE]: RANGE } }, registryUrl, settings);
  try {
    await project.must(...client.install);
    const found = (await project.packages()).map((one) => one.split(' ')[1] ?? '');
    expect(found).toHaveLength(1);
    return found[0] ?? '';
  } finally {
    await project.remove();
  }
}

function ageIn(unitMs: number, cutoff: number): number {
  return Math.floor((Date.now() - cutoff) / unitMs);
}
