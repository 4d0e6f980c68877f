/** The row of a real client's run. */
import type { Row } from '../bench';
import { median } from '../load';

/** A client may be this much slower than with nginx. */
const MOST = 1.1;

/** @param found times of all runs, ms */
export function clientRow(found: {
  readonly cell: string;
  readonly ours: readonly number[];
  readonly nginx: readonly number[];
  readonly note: string;
}): Row {
  const [ours, nginx] = [median(found.ours), median(found.nginx)];
  const show = (all: readonly number[]): string => all.map((milliseconds) => milliseconds.toFixed(0)).join(' ');
  return {
    cell: found.cell,
    target: `≤ ${MOST} × nginx`,
    ours: `${(ours / 1000).toFixed(2)} s`,
    nginx: `${(nginx / 1000).toFixed(2)} s`,
    ratio: nginx / ours,
    reached: ours <= nginx * MOST,
    note: `${found.note}; rounds ${show(found.ours)} / ${show(found.nginx)} ms`,
  };
}
