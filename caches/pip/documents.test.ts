import type { DocumentPlace } from '../module';
import { projectJson } from './json-api';
import { fixture, HOME } from '../../shared/testing/python-page';
import { projectList } from './project-list';

const BASE = 'http://localhost:3141';

function list(body: Buffer, variant: string): string {
  const place: DocumentPlace = { path: '/simple/', url: `${HOME}/`, home: HOME };
  return projectList.render(body, { ...place, variant, base: BASE })?.body.toString() ?? '';
}

describe('the list of projects', () => {
  test('HTML: links are normalized and relative, names as the upstream writes them', () => {
    const text = list(fixture('projects.html'), 'html');
    expect([...text.matchAll(/<a href="([^"]*)">([^<]*)</g)].map(([, href, name]) => [href, name])).toEqual([
      ['zope-interface/', 'Zope.Interface'],
      ['foo-bar/', 'foo_bar'],
      ['torch/', 'torch'],
    ]);
    expect(text).toContain('<meta name="pypi:repository-version" content="1.1">');
    expect(list(fixture('projects.html'), 'html@')).toContain(`<a href="${BASE}/simple/zope-interface/">`);
  });

  test('JSON', () => {
    const json = list(fixture('projects.html'), 'json');
    expect(JSON.parse(json)).toEqual({
      meta: { 'api-version': '1.1' },
      projects: [{ name: 'Zope.Interface' }, { name: 'foo_bar' }, { name: 'torch' }],
    });
    const kept = '{"meta": {"api-version":"1.1","_last-serial":1},"projects":[{"name":"A.b","_last-serial":1.0}]}';
    expect(list(Buffer.from(kept), 'json')).toBe(kept);
    expect(list(Buffer.from(kept), 'html1')).toContain('<a href="a-b/">A.b</a>');
  });

  test.each(['{}', '{"projects":1}', '<a href="../">x</a>', 'x', '{"meta":{"api-version":"2.0"},"projects":[]}'])('%s is none', (text) => {
    expect(() => list(Buffer.from(text), 'html')).toThrow('is not usable');
  });
});

describe('the JSON API', () => {
  const api = (body: Buffer): string =>
    projectJson
      .render(body, { path: '/pypi/foo-bar/json', url: 'https://index.example/pypi/foo-bar/json', home: HOME, variant: '', base: BASE })
      ?.body.toString() ?? '';

  test('only the URLs of files differ', () => {
    const before = fixture('project.json').toString();
    const after = api(fixture('project.json'));
    const path = '/packages/aa/bb/cc/foo_bar-1.0-py3-none-any.whl';
    expect(after.split(`"${BASE}${path}"`)).toHaveLength(3);
    const undone = after
      .replace(`"${BASE}${path}"`, `"https://files.example${path}"`)
      .replace(`"${BASE}${path}"`, `"https://files.example${path}"`.replaceAll('/', '\\/'));
    expect(undone).toBe(before);
  });

  test.each(['{}', '[]', '{"message":"Not Found"}', '<html>'])('%s is no document of it', (text) => {
    expect(() => api(Buffer.from(text))).toThrow('is not usable');
  });
});
