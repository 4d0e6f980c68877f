/** Values survive both kinds of file: as dotenv reads them, and as a shell does, whose quoting EnvironmentFile= has. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { lookUp, openSources } from '../../config/sources';
import { asEnvFile, asEnvironmentFile } from './carried-settings';

const AWKWARD = ['plain', "it's", 'a "word"', '`x`', '$HOME ${HOME}', 'a # b', 'back\\slash', 'C:\\n', "'quoted'", 'é ☃', 'a=b=c', "\\'"];

/** As the services read it. */
const readBack = (text: string): Readonly<Record<string, string | undefined>> => openSources({ LARDER_ENV: text })[1]?.values ?? {};

describe('as .env', () => {
  test.each(AWKWARD)('%s comes back', (value) => {
    const text = asEnvFile(
      new Map([
        ['B', value],
        ['A', '1'],
        ['C', 'last'],
      ]),
      '# head',
    );
    expect(text.split('\n').slice(0, 2)).toEqual(['# head', "A='1'"]);
    expect(readBack(text)).toEqual({ A: '1', B: value, C: 'last' });
  });

  test('whatever it is: it comes back, or is refused by name', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('a', "'", '"', '`', '\\', '#', '$', ' ', '=', 'n', '\n') }), (raw) => {
        const value = raw.trim();
        fc.pre(value !== '');
        let text: string;
        try {
          text = asEnvFile(
            new Map([
              ['NAME', value],
              ['Z', "it's"],
            ]),
            '',
          );
        } catch (error) {
          expect(String(error)).toMatch(/NAME=… is not possible: .*NAME_FILE=/);
          return;
        }
        expect(readBack(text)).toEqual({ NAME: value, Z: "it's" });
      }),
      { numRuns: 2000 },
    );
  });
});

describe('as EnvironmentFile=', () => {
  test.each(AWKWARD)('%s comes back', (value) => {
    const folder = mkdtempSync(join(tmpdir(), 'larder-env-'));
    try {
      writeFileSync(join(folder, 'units.env'), asEnvironmentFile(new Map([['VALUE', value]]), '# head'));
      expect(execFileSync('sh', ['-c', '. "$1/units.env"; printf %s "$VALUE"', 'sh', folder], { encoding: 'utf8' })).toBe(value);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('a name with - is written as systemd takes it, and is found all the same', () => {
    const text = asEnvironmentFile(new Map([['UPSTREAM_pip_my-index', 'http://a.test']]), '# head');
    expect(text).toBe('# head\nUPSTREAM_pip_my_index="http://a.test"\n');
    expect(lookUp(openSources({ UPSTREAM_pip_my_index: 'http://a.test' }), 'UPSTREAM_pip_my-index')?.raw).toBe('http://a.test');
  });

  test('one with a line break is refused', () => {
    expect(() => asEnvironmentFile(new Map([['NAME', 'a\nB=c']]), '')).toThrow(/NAME=… is not possible/);
  });
});
