/** `make bench`: measures Larder beside nginx and writes docs/performance.md. */
import { parseArgs } from 'node:util';
import { Bench, type Cell, type Options, type Row } from './bench';
import { archives } from './cells/archives';
import { aptClient } from './cells/apt-client';
import { big } from './cells/big';
import { coldDocument } from './cells/cold-document';
import { coldStart } from './cells/cold-start';
import { coldVersions } from './cells/cold-versions';
import { crowd } from './cells/crowd';
import { debs } from './cells/debs';
import { documents } from './cells/documents';
import { firstByte } from './cells/first-byte';
import { idle, memoryRows } from './cells/idle';
import { listing } from './cells/listing';
import { pages } from './cells/pages';
import { pipClient } from './cells/pip-client';
import { promises } from './cells/promises';
import { startUp } from './cells/start-up';
import { tarballs } from './cells/tarballs';
import { trees } from './cells/trees';
import { verdaccio } from './cells/verdaccio';
import { pinSelf, shareInUse, whatIsMissing } from './machine';
import { printHead, printRow, summary, writeDocument } from './report';

const CELLS: readonly Cell[] = [
  idle,
  startUp,
  coldStart,
  tarballs,
  documents,
  big,
  firstByte,
  crowd,
  coldDocument,
  coldVersions,
  verdaccio,
  debs,
  aptClient,
  promises,
  pages,
  pipClient,
  listing,
  trees,
  archives,
];

/** Far beyond what a full run takes; docs/performance.md says how long that is. */
const LIMIT_MS = 60 * 60_000;

void main();

async function main(): Promise<void> {
  const options = readOptions();
  const missing = whatIsMissing();
  if (missing !== undefined) return fail(missing);
  pinSelf();
  const began = Date.now();
  const bench = await Bench.open(options);
  const close = (): void => void bench.close().finally(() => process.exit(1));
  for (const name of ['SIGINT', 'SIGTERM'] as const) process.once(name, close);
  // Every request and run has a limit of its own; this one is for what nobody thought of.
  const giveUp = (): void => {
    process.stderr.write(`given up after ${LIMIT_MS / 60_000} minutes, nothing is written; --only measures one group of cells\n`);
    close();
  };
  setTimeout(giveUp, LIMIT_MS).unref();
  try {
    const rows = await measure(bench);
    process.stdout.write(`${summary(rows)}\n`);
    const full = !options.quick && !options.null && options.only === undefined;
    if (full) process.stdout.write(`written: ${writeDocument(rows, (Date.now() - began) / 60_000)}\n`);
  } finally {
    await bench.close();
    // A cell that was given up may still hold a timer or a socket.
    setTimeout(() => process.exit(), 1000).unref();
  }
}

async function measure(bench: Bench): Promise<Row[]> {
  const rows: Row[] = [];
  const add = (found: readonly Row[]): void => {
    found.forEach(printRow);
    rows.push(...found);
  };
  printHead();
  const { only, withPeers } = bench.options;
  const chosen = CELLS.filter((cell) => (cell === verdaccio ? withPeers : true) && (only === undefined || cell.name.includes(only)));
  const otherWork: string[] = [];
  for (const cell of chosen) {
    otherWork.push(`${cell.name} ${(100 * (await shareInUse(500))).toFixed(0)} %`);
    bench.memory.enter(cell.name);
    try {
      add(await cell.measure(bench));
    } catch (error) {
      // One broken cell must not hide the others; the row says so, and the status of the program too.
      const text = error instanceof Object && 'message' in error ? String(error.message) : String(error);
      add([{ cell: cell.name, target: '', ours: 'failed', nginx: '', reached: false, note: text.trim().replaceAll('\n', ' ') }]);
      process.exitCode = 1;
      await bench.discardExtras();
    }
  }
  add(memoryRows(bench));
  for (const [name, reason] of bench.skipped) add([{ cell: name, target: '', ours: '', nginx: '', note: `skipped: ${reason}` }]);
  add([
    {
      cell: 'other work on the machine',
      target: 'printed',
      ours: '',
      nginx: '',
      note: `share of all cores in use before ${otherWork.join(', ')}`,
    },
  ]);
  return rows;
}

function readOptions(): Options {
  try {
    const { values } = parseArgs({
      options: {
        quick: { type: 'boolean', default: false },
        only: { type: 'string' },
        'with-peers': { type: 'boolean', default: false },
        null: { type: 'boolean', default: false },
      },
    });
    const { quick, only } = values;
    return { quick, null: values.null, withPeers: values['with-peers'], ...(only === undefined ? {} : { only }) };
  } catch {
    const names = CELLS.map((cell) => cell.name).join(', ');
    return fail(`usage: node dist/shared/bench/main.js [--quick] [--only <name>] [--with-peers] [--null]; names: ${names}`);
  }
}

function fail(line: string): never {
  process.stderr.write(`${line}\n`);
  process.exit(1);
}
