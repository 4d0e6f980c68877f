/** Files whose place more than one program must know. */
import { join } from 'node:path';
import type { Config } from './config';

/** The ledger: what cannot be rebuilt from the store. */
export function ledgerFile(config: Config): string {
  return join(config.stateDir, 'ledger.db');
}

/** Events and access lines of a cache; older ones are beside it with .1 to .9 behind the name. */
export function logFile(config: Config, cache: string): string {
  return join(config.stateDir, 'log', `${cache}.log`);
}

/** What the last start of a cache in the background printed. */
export function startLogFile(config: Config, cache: string): string {
  return join(config.stateDir, 'log', `${cache}.start.log`);
}

/** What a variable of a client names, in a shell that `make env` set up. */
export function clientFile(config: Config, variable: string): string {
  return join(config.stateDir, 'clients', variable);
}
