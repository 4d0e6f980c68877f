/** The table: on the terminal, and in docs/performance.md. */
import { writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Row } from './bench';
import { describeMachine } from './machine';

const DOCUMENT = resolve(__dirname, '../../../docs/performance.md');

/** One line of the table for the terminal. */
export function printRow(row: Row): void {
  const ratio = row.ratio === undefined ? '' : row.ratio.toFixed(2);
  process.stdout.write(
    [row.cell.padEnd(52), row.target.padEnd(26), row.ours.padEnd(16), row.nginx.padEnd(16), ratio.padEnd(6), verdict(row)]
      .join(' ')
      .trimEnd() + '\n',
  );
  if (row.others !== undefined) process.stdout.write(`    others: ${row.others}\n`);
  if (row.note !== undefined) process.stdout.write(`    ${row.note}\n`);
}

/** Heads the lines of printRow. */
export function printHead(): void {
  const head = ['cell'.padEnd(52), 'to reach'.padEnd(26), 'Larder'.padEnd(16), 'nginx'.padEnd(16), 'ratio', 'reached'].join(' ');
  process.stdout.write(`${head}\n`);
}

/** Writes docs/performance.md. @param minutes how long the whole took. */
export function writeDocument(rows: readonly Row[], minutes: number): string {
  writeFileSync(DOCUMENT, render(rows, describeMachine(), minutes));
  return DOCUMENT;
}

/** What came of the targets, in two sentences at most: what was not measured was not reached either. */
export function summary(rows: readonly Row[]): string {
  const missed = rows.filter((row) => row.reached === false).map((row) => row.cell);
  const skipped = rows.filter((row) => row.ours === '' && row.note?.startsWith('skipped: ')).map((row) => row.cell);
  const reached = missed.length > 0 ? `Not reached: ${missed.join('; ')}.` : 'Every target that was measured was reached.';
  return skipped.length > 0 ? `${reached} Not measured: ${skipped.join('; ')}.` : reached;
}

/** The page as Markdown. @param minutes how long the whole took */
export function render(rows: readonly Row[], machine: readonly string[], minutes: number): string {
  const measured = rows.filter((row) => row.ours !== '' || row.nginx !== '');
  const cells = measured.map(
    (row) =>
      `| ${row.cell} | ${row.target} | ${row.ours} | ${row.nginx} | ${row.others ?? ''} | ${row.ratio?.toFixed(2) ?? '–'} | ${verdict(row) || '–'} |`,
  );
  const notes = rows.filter((row) => row.note !== undefined).map((row) => `- ${row.cell}: ${row.note}.`);
  return `# Performance

Written by \`make bench\`; do not edit. nginx runs beside Larder in the same run, as caching proxy (tarballs, .debs, archives) or as server of the very
bytes that Larder answers (packuments, simple pages) or of the archive's own files (clients).

## Machine
${machine.map((line) => `- ${line}`).join('\n')}

## Table
Ratio: above 1, Larder is better. Rates and times are medians.

| cell | to reach | Larder | nginx | others | ratio | reached |
|---|---|---|---|---|---|---|
${cells.join('\n')}

${summary(rows)}

## Other figures of the same run
Pairs are Larder / nginx. A server that is clearly under 100 % busy was not the limit: the load generator or the loopback was.

${notes.join('\n')}

## How to repeat
\`\`\`
sudo apt-get install nginx wrk curl util-linux
make bench
\`\`\`
It took ${minutes.toFixed(0)} minutes here, needs two free cores and 9 GB in the temp directory (\`BENCH_DIR\` names another one), and leaves nothing behind.
\`node dist/shared/bench/main.js --only <name>\` measures one group of cells, \`--quick\` takes a short look, \`--with-peers\` puts others beside
(Verdaccio, apt-cacher-ng, devpi, proxpi; and brings uv), which it installs below the temp directory, and \`--null\` seats nginx in both places, which shows the noise of the bench itself. Only a full run writes this page.

- Servers run on core 0, one under load at a time; the load (wrk with 64 keep-alive connections, curl, the bench itself) and the local registry (another nginx) on core 1.
- Rounds alternate between the servers. Both write one access line a request to a file.
- nginx's settings are in shared/bench/nginx.conf, the registry's in shared/bench/upstream.conf, wrk's script is shared/bench/hits.lua.
- Before a run of hits each tarball's SHA-512 and each packument's versions are checked; during it no request may reach the registry and none may fail.
- CPU time is user plus system time of the server's process (nginx: its worker) over the requests done.
- Real clients (apt-get, pip, uv) begin with nothing of their own each time; nginx serves them the archive's own files, and the pages as Larder answers them.
- Memory is RssAnon of Larder's process, sampled every 100 ms.
`;
}

function verdict(row: Row): string {
  if (row.reached === undefined) return '';
  return row.reached ? 'yes' : 'no';
}
