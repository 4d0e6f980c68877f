import { laws } from '../../shared/testing/laws';
import { matchRoute } from '../module';
import { alice } from './alice';

const HASH = '94f47f0487bbee38a21ec05e3a1f0b3ece1dc614';
const STORE = `/TARS/slc9_x86-64/store/94/${HASH}/`;
const LINKS = '/TARS/slc9_x86-64/libtiny/';
const TARBALL = 'libtiny-1.0-1.slc9_x86-64.tar.gz';
const ODD = 'apptiny-2.0@e2e+1~rc1-1.slc9_x86-64.tar.gz';
const MD5 = '0c'.repeat(16);

laws(alice, {
  spellings: [
    [STORE, STORE.slice(0, -1), `/${STORE}`, `${STORE}?x=1`],
    [LINKS, LINKS.slice(0, -1), `//${LINKS}`],
    [
      `${STORE}${ODD}`,
      `${STORE}apptiny-2.0%40e2e%2B1~rc1-1.slc9_x86-64.tar.gz`,
      `/${STORE}apptiny-2.0%40e2e%2b1%7Erc1-1.slc9_x86-64.tar.gz`,
    ],
    [`${LINKS}a+b@c-1.tar.gz`, `${LINKS}a%2Bb%40c-1.tar.gz`],
    ['/TARS/slc9_x86-64/lib%2B.manifest', '//TARS/slc9_x86-64/lib+.manifest'],
  ],
  documents: [
    {
      title: 'the tarballs of an action',
      targets: [STORE],
      body: Buffer.from(
        `${TARBALL}\t201442\t${MD5}\t\n${ODD}\t300\t${MD5}\t\nstub-1-1.slc9_x86-64.tar.gz\t78\t${MD5}\tx\nbare.tar.gz\t\t\t\n`,
      ),
    },
  ],
  accepts: [undefined],
  references: ({ body }) => (JSON.parse(body.toString()) as { name: string }[]).map(({ name }) => encodeURIComponent(name)),
  refused: [
    '/',
    '/TARS',
    '/TARS/slc9_x86-64',
    '/TARS/slc9_x86-64/store',
    '/TARS/slc9_x86-64/store/94',
    `/TARS/slc9_x86-64/store/95/${HASH}/`,
    `/TARS/slc9_x86-64/store/94/${HASH}/a/b.tar.gz`,
    '/TARS/slc9_x86-64/dist/a',
    '/TARS/../x/y/z',
    `/cas/sha256/0d/${'0c'.repeat(32)}`,
    `/cas/sha256/0c/${'0c'.repeat(31)}`,
    `/cas/md5/0c/${MD5}`,
    '/RPMS/../TARS',
    '/swift/v1/alibuild-repo/TARS/a/b.manifest',
  ],
});

laws(alice, {
  spellings: [[`/ac/a%2Bb/94/${HASH}.json`, `//ac/a+b/94/${HASH}.json`]],
  documents: [
    { title: 'links', targets: [LINKS], body: Buffer.from(`${TARBALL}\t100\t${MD5}\t\nb\t\t\t\n`) },
    { title: 'a manifest', targets: ['/TARS/slc9_x86-64/libtiny.manifest'], body: Buffer.from(`${TARBALL}\tslc9_x86-64/store/94/x\n`) },
  ],
  accepts: [undefined],
  refused: [`/ac/a/94/${HASH}`, `/ac/a/95/${HASH}.json`],
});

function routeOf(target: string): { name: string | undefined; purl?: string | undefined; path?: string } {
  const found = matchRoute(alice, 'GET', target);
  if (!found.route) return { name: undefined };
  const { route, params } = found;
  return { name: route.name, path: route.path(params), ...(route.kind === 'immutable' ? { purl: route.purl?.(params) } : {}) };
}

it.each([
  [`${STORE}${TARBALL}`, 'pkg:generic/alibuild/libtiny@1.0-1'],
  [`${STORE}AliEn-Runtime-v2-19-le-3.slc9_x86-64.tar.gz`, 'pkg:generic/alibuild/AliEn-Runtime@v2-19-le-3'],
  [`${STORE}apptiny-2.0%40e2e-1.slc9_x86-64.tar.gz`, 'pkg:generic/alibuild/apptiny@2.0%40e2e-1'],
  [`${STORE}odd`, 'pkg:generic/alibuild/odd'],
])('%s is %s', (target, purl) => {
  expect(routeOf(target).purl).toBe(`${purl}?arch=slc9_x86-64&build_hash=${HASH}`);
});

it('folders with a meaning of their own are no packages, and a package may be called like a manifest', () => {
  expect(routeOf('/TARS/a/store/').name).toBeUndefined();
  expect(routeOf('/TARS/a/dist-direct/').name).toBeUndefined();
  expect(routeOf('/TARS/a/storefront/').name).toBe('links');
  expect(routeOf('/TARS/a/x.manifest').name).toBe('manifest');
  expect(routeOf('/TARS/a/x.manifest/').name).toBe('links');
  expect(routeOf('/TARS/a/dist.manifest.gz').name).toBe('dist-manifest');
});

it('+ goes upstream escaped, but not twice in a query', () => {
  expect(alice.address?.('http://s', '/TARS/a/b/c+d')).toBe('http://s/TARS/a/b/c%2Bd');
  expect(alice.address?.('http://s', '/?prefix=a%2Bb+c')).toBe('http://s/?prefix=a%2Bb+c');
});

it('what belongs to a package is found for purging', () => {
  const { anywhere } = alice.purge('lib-tiny');
  const its = [`${STORE}lib-tiny-1.0-1.slc9_x86-64.tar.gz`, '/TARS/a/lib-tiny/', '/TARS/a/lib-tiny/x', '/TARS/a/lib-tiny.manifest'];
  const others = [`${STORE}lib-tiny-more-1.0-1.slc9_x86-64.tar.gz`, '/TARS/a/lib-tiny2/', '/TARS/a/lib-tiny2.manifest'];
  expect([its, others].map((targets) => targets.map((target) => anywhere?.test(target)))).toEqual([
    its.map(() => true),
    others.map(() => false),
  ]);
  expect(alice.purge('/cas/').anywhere?.test(`/cas/sha256/0c/${'0c'.repeat(32)}`)).toBe(true);
});

it.each([
  ['/', true],
  ['/index.html', true],
  ['//TARS/x', false],
  ['/TARS', false],
  ['/TARSIER', true],
  ['/cas/sha256', false],
])('%s has nothing to do with it: %s', (target, isForeign) => {
  expect(alice.foreign?.test(target)).toBe(isForeign);
});
