/** What a running process does for whoever started it: says that it is ready, and ends it when it has nothing to do. */
import { afterFirstAnswer } from './first-answer';
import { watchIdle, type Occupation } from './idle-exit';
import type { Notifier } from './notify';

/** @param idleMs after so long without requests `exit` is called; 0: never */
export function attend(occupation: Omit<Occupation, 'exit'>, notifier: Notifier, idleMs: number, exit: () => void): void {
  afterFirstAnswer(occupation, () => notifier.ready());
  if (idleMs > 0) watchIdle(idleMs, { ...occupation, exit });
}
