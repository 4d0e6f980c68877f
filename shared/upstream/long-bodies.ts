/**
 * While a long body passes through, V8 is told to let its heap grow. The buffers of bodies count as growth of the JavaScript heap, which is so
 * small here (11 MB) that all of it would be marked after each 16 MB of them: up to a third of the CPU time of a fill. Said when it is needed,
 * and taken back, since it is meant for every thread; said at the start, it would cost each start 18 ms (ADR 53).
 */
import type * as V8 from 'node:v8';

/** To four times what is in use; 0 is V8's own judgement. */
const GROWTH = { long: '--heap-growing-percent=300', usual: '--heap-growing-percent=0' };

let underWay = 0;

/** A long body begins. @returns what is to be called once, when it has ended */
export function letHeapGrow(): () => void {
  if (underWay++ === 0) tellV8(GROWTH.long);
  return () => {
    if (--underWay === 0) tellV8(GROWTH.usual);
  };
}

function tellV8(flag: string): void {
  // eslint-disable-next-line @typescript-eslint/no-require-imports -- no start needs it
  (require('node:v8') as typeof V8).setFlagsFromString(flag);
}
