/** What stands on this machine for tests with the engine: a Larder that builds take their packages from, and scripted upstreams. */
import { startLarder, type Larder } from '../clients/larder';
import { stage } from './stage';

/** Networks of containers, and the line to the engine's machine. */
export const INNER_NETS = '127.0.0.0/8 10.0.0.0/8 172.16.0.0/12 192.168.0.0/16';

/** Where builds get their packages from. */
export interface BuildRegistry {
  /** For NPM_CONFIG_REGISTRY. */
  readonly url: string;
  remove(): Promise<void>;
}

/** An npm cache on this machine, as a team has one that the engine's machine may use; asks this machine's registry. */
export async function startBuildRegistry(): Promise<BuildRegistry> {
  const { machine } = stage().engine;
  const larder: Larder = await startLarder({ GLOBAL_IP: `127.0.0.1 ${machine}`, CLIENT_NETS: INNER_NETS });
  return { url: larder.url.replace('127.0.0.1', machine), remove: () => larder.remove() };
}
