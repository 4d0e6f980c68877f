/** What belongs to one process in a store that several share: the socket that proves its life, and the spool folder that this protects. */
import type { Config } from './config/config';
import { errorText } from './errors';
import { openControl, type Control, type Witnessed } from './http/control';
import type { Status } from './http/status';
import type { Log } from './log/types';
import { socketAddress } from './store/socket-address';
import { openSpool, type Spool } from './store/spool';

/** Opens both; without a spool nothing can be stored, which the log then says. */
export async function openOwned(
  config: Config,
  instance: string,
  log: Log,
  status: () => Promise<Status>,
  onStop: () => void,
  witnessed: Witnessed,
): Promise<{ control: Control | undefined; spool: Spool | undefined }> {
  let control: Control | undefined;
  try {
    control = await openControl(socketAddress(config.cacheDir, instance), status, onStop, witnessed);
    return { control, spool: openSpool({ cacheDir: config.cacheDir, instance }) };
  } catch (error) {
    log.warn('not-storing', { reason: errorText(error) });
    return { control, spool: undefined };
  }
}
