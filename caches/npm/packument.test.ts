import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { types } from 'node:util';
import type { DocumentPlace } from '../module';
import { packument } from './packument';

const BASE = 'http://localhost:8080/npm';
/** Where a document came from says nothing to npm's codec. */
const place = (path: string): DocumentPlace => ({ path, url: `https://registry.example${path}`, home: 'https://registry.example' });
const fixture = (name: string): Buffer => readFileSync(join(__dirname, '../../../caches/npm/fixtures', `${name}.json`));

/* eslint-disable @typescript-eslint/no-explicit-any -- what JSON.parse gives */
type Json = any;

function render(name: string | Buffer, variant: string, path: string): { contentType: string; text: string; json: Json } | undefined {
  const body = Buffer.isBuffer(name) ? name : fixture(name);
  const rendered = packument.render(body, { ...place(path), variant, base: BASE });
  if (!rendered) return undefined;
  const text = rendered.body.toString();
  return { contentType: rendered.contentType, text, json: JSON.parse(text) };
}

function pin(name: string | Buffer, path: string, version: string): Json {
  return packument.pins(Buffer.isBuffer(name) ? name : fixture(name), place(path)).find((candidate) => candidate.version === version);
}

const parse = (name: string): Json => JSON.parse(fixture(name).toString());

describe('full', () => {
  test('differs from what the upstream said in nothing but the URLs of files', () => {
    const before = fixture('scoped').toString();
    const after = render('scoped', 'full', '/@acme%2fwidget');
    expect(after?.contentType).toBe('application/json');
    let undone = after?.text ?? '';
    for (const version of ['1.0.0', '1.1.0', '2.0.0-rc.1']) {
      const url = `"${BASE}/@acme/widget/-/widget-${version}.tgz"`;
      expect(undone.split(url)).toHaveLength(2);
      undone = undone.replace(url, `"https://registry.example/@acme/widget/-/widget-${version}.tgz"`);
    }
    expect(undone).toBe(before);
  });

  test('old and odd files come under canonical URLs, other schemes and missing files are left alone', () => {
    const { versions } = render('old', 'full', '/JSONThing')?.json;
    const url = (version: string): Json => versions[version].dist?.tarball;
    for (const version of ['0.1.0', '0.2.0', '0.3.0', '0.4.0', '1.0.0'])
      expect(url(version)).toBe(`${BASE}/JSONThing/-/JSONThing-${version}.tgz`);
    expect(url('0.5.0')).toBe('ftp://files.example/JSONThing-0.5.0.tgz');
    expect(versions['0.6.0']).toEqual(parse('old').versions['0.6.0']);
    expect(url('../../1.0.0')).toBe('https://registry.example/JSONThing/-/x.tgz');
  });

  test('build metadata is left out of the URL unless that would name two versions alike', () => {
    const { versions } = render('old', 'full', '/JSONThing')?.json;
    expect(versions['1.0.0+build.7'].dist.tarball).toBe(`${BASE}/JSONThing/-/JSONThing-1.0.0+build.7.tgz`);
    expect(versions['1.1.0+a'].dist.tarball).toBe(`${BASE}/JSONThing/-/JSONThing-1.1.0.tgz`);
    expect(versions['1.1.0+b'].dist.tarball).toBe(`${BASE}/JSONThing/-/JSONThing-1.1.0+b.tgz`);
  });

  test('what a document is about is what it was asked for', () => {
    expect(render('scoped', 'full', '/other')?.json.versions['1.0.0'].dist.tarball).toBe(`${BASE}/other/-/other-1.0.0.tgz`);
    expect(pin('scoped', '/other', '1.0.0').target).toBe('/other/-/other-1.0.0.tgz');
  });

  test('a key that stands twice counts as JSON.parse counts it, and no occurrence keeps its URL', () => {
    const dist = (n: number): string => `"dist":{"tarball":"https://r.example/a-${n}.tgz","shasum":"${String(n).repeat(40)}"}`;
    const body = Buffer.from(
      `{"versions":{"1.0.0":{${dist(1)}}},"versions":{"1.0.0":{${dist(2)}},"1.0.0":{${dist(3)},"d\\u0069st":{"tarball":"https://r.example/x","tarball":"https://r.example/a-4.tgz","shasum":"${'4'.repeat(40)}"}}}}`,
    );
    const { text } = render(body, 'full', '/a') ?? { text: '' };
    expect(text).not.toContain('r.example');
    expect(text.split(`${BASE}/a/-/a-1.0.0.tgz`)).toHaveLength(6);
    expect(packument.pins(body, place('/a'))).toEqual([
      {
        target: '/a/-/a-1.0.0.tgz',
        version: '1.0.0',
        source: 'https://r.example/a-4.tgz',
        integrity: `sha1-${Buffer.from('4'.repeat(40), 'hex').toString('base64')}`,
      },
    ]);
  });
});

describe('abbreviated', () => {
  const widget = render('scoped', 'abbreviated', '/@acme%2fwidget');

  test('has the label and exactly the fields that installers read', () => {
    const full = parse('scoped');
    expect(widget?.contentType).toBe('application/vnd.npm.install-v1+json');
    expect(Object.keys(widget?.json)).toEqual(['name', 'dist-tags', 'versions', 'modified', 'time']);
    const {
      name,
      version,
      dependencies,
      optionalDependencies,
      peerDependencies,
      peerDependenciesMeta,
      devDependencies,
      bundleDependencies,
      funding,
      os,
      cpu,
      libc,
      _hasShrinkwrap,
      dist,
    } = full.versions['1.1.0'];
    expect(widget?.json.versions['1.1.0']).toEqual({
      ...{
        name,
        version,
        dependencies,
        optionalDependencies,
        peerDependencies,
        peerDependenciesMeta,
        devDependencies,
        bundleDependencies,
        funding,
        os,
        cpu,
        libc,
        _hasShrinkwrap,
      },
      dist: { ...dist, tarball: `${BASE}/@acme/widget/-/widget-1.1.0.tgz` },
      hasInstallScript: true,
    });
    expect(widget?.json.versions['1.0.0'].deprecated).toBe(full.versions['1.0.0'].deprecated);
    expect(widget?.json.versions['1.0.0'].bin).toEqual({ widget: 'cli.js' });
  });

  test('says whether scripts run on installation', () => {
    expect(widget?.json.versions['1.0.0']).not.toHaveProperty('hasInstallScript');
    expect(widget?.json.versions['2.0.0-rc.1'].hasInstallScript).toBe(false);
    const { versions } = render('old', 'abbreviated', '/JSONThing')?.json;
    expect(versions['0.6.0']).toEqual({ name: 'JSONThing', version: '0.6.0', hasInstallScript: true });
  });

  test('has the times of what is there if it has all of them, and none otherwise', () => {
    expect(Object.keys(widget?.json.time)).toEqual(['created', 'modified', '1.0.0', '1.1.0', '2.0.0-rc.1']);
    expect(widget?.json.modified).toBe('2024-05-06T07:08:09.010Z');
    const old = render('old', 'abbreviated', '/JSONThing')?.json;
    expect(old).not.toHaveProperty('time');
    expect(old.modified).toBe('2012-01-01T00:00:00.000Z');
  });

  test('of an upstream that has only that form is what it said', () => {
    const expected = parse('abbreviated');
    for (const version of ['1.0.0', '2.0.0']) expected.versions[version].dist.tarball = `${BASE}/plain/-/plain-${version}.tgz`;
    expect(render('abbreviated', 'abbreviated', '/plain')?.json).toEqual(expected);
    expect(render('abbreviated', 'full', '/plain')?.json).toEqual(expected);
  });
});

describe('parts', () => {
  test.each(['1.1.0', 'latest'])('version %s', (version) => {
    const expected = parse('scoped').versions['1.1.0'];
    expected.dist.tarball = `${BASE}/@acme/widget/-/widget-1.1.0.tgz`;
    expect(render('scoped', `version:${version}`, '/@acme%2fwidget')?.json).toEqual(expected);
  });

  test.each(['9.9.9', 'gone', 'nope', '^1.0.0', '', '__proto__', 'constructor'])('there is no version %j', (version) => {
    expect(render('scoped', `version:${version}`, '/@acme%2fwidget')).toBeUndefined();
  });

  test('dist-tags', () => {
    expect(render('scoped', 'dist-tags', '/@acme%2fwidget')?.json).toEqual({ latest: '1.1.0', next: '2.0.0-rc.1', gone: '0.0.1' });
    expect(render('unpublished', 'dist-tags', '/gone')).toBeUndefined();
  });

  test('an unpublished package says so in both forms', () => {
    expect(render('unpublished', 'full', '/gone')?.text).toBe(fixture('unpublished').toString());
    const { time, versions } = render('unpublished', 'abbreviated', '/gone')?.json;
    expect(time.unpublished.versions).toEqual(['1.0.0']);
    expect(versions).toEqual({});
    expect(packument.pins(fixture('unpublished'), place('/gone'))).toEqual([]);
  });
});

describe('pins', () => {
  test('one a version, with the strongest digest and the time', () => {
    expect(packument.pins(fixture('scoped'), place('/@acme%2fwidget'))).toEqual(
      Object.entries<Json>(parse('scoped').versions).map(([version, { dist }]) => ({
        target: `/@acme/widget/-/widget-${version}.tgz`,
        version,
        integrity: dist.integrity,
        published: parse('scoped').time[version],
      })),
    );
    expect(pin('old', '/JSONThing', '1.0.0').integrity).toMatch(/^sha512-\S+$/);
  });

  test('the digest of old versions is SHA-1, and absent where there is none', () => {
    const { shasum } = parse('old').versions['0.1.0'].dist;
    expect(pin('old', '/JSONThing', '0.1.0').integrity).toBe(`sha1-${Buffer.from(shasum, 'hex').toString('base64')}`);
    expect(pin('old', '/JSONThing', '0.7.0')).toEqual({ target: '/JSONThing/-/JSONThing-0.7.0.tgz', version: '0.7.0' });
  });

  test.each([
    ['0.1.0', undefined],
    ['0.2.0', 'http://packages.example:5984/JSONThing/-/JSONThing@0.2.0.tgz'],
    ['0.3.0', undefined],
    ['0.4.0', 'https://files.example/JSONThing/-/JSONThing-0.4.0.tgz?token=abc'],
    ['0.5.0', undefined],
    ['1.0.0+build.7', 'https://registry.example/JSONThing/-/JSONThing-1.0.0%2Bbuild.7.tgz'],
    ['1.1.0+a', undefined],
  ])('the file of %s is fetched from %s', (version, source) => {
    expect(pin('old', '/JSONThing', version)?.source).toBe(source);
  });
});

describe('what is no packument', () => {
  const nested = (depth: number): string => `${'{"a":'.repeat(depth)}1${'}'.repeat(depth)}`;
  test.each([
    ['', 'it is cut off'],
    ['<!DOCTYPE html>', 'it is not JSON (byte 0)'],
    ['[]', 'it is not a JSON object'],
    ['"text"', 'it is not a JSON object'],
    ['{"error":"not_found"}', 'it has no versions'],
    ['{"versions":{}}', 'it has no versions'],
    ['{"versions":[]}', 'it has no versions'],
    ['{"versions":{"1.0.0":null}}', 'its version 1.0.0 is not an object'],
    ['{"versions":{"1.0.0":{}}', 'it is cut off'],
    ['{"versions":{"1.0.0":{}}} x', 'it is not JSON (byte 26)'],
    ['{"versions":{"1.0.0":{"a":{"__proto__":1}}}}', 'it has a key __proto__'],
    ['{"versions":{"1.0.0":{}},"_\\u005fproto__":{}}', 'it has a key __proto__'],
    [`{"versions":{${'"1":{},'.repeat(300_000)}"2":{}}}`, 'it has more than 300000 versions'],
    [`{"versions":{"1.0.0":${nested(10_000)}}}`, 'it is nested deeper than 512'],
  ])('%#: the error names the reason', (text, reason) => {
    for (const act of [() => render(Buffer.from(text), 'full', '/a'), () => packument.pins(Buffer.from(text), place('/a'))]) {
      let thrown: unknown;
      try {
        act();
      } catch (error) {
        thrown = error;
      }
      expect(types.isNativeError(thrown)).toBe(true);
      expect(thrown).toMatchObject({ code: 'document-invalid', reason });
    }
  });
});
