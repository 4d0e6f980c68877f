import { preferredForm } from './accept';

const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const HTML1 = 'application/vnd.pypi.simple.v1+html';

test.each([
  [undefined, 'html'],
  ['', 'html'],
  ['*/*', 'html'],
  // pip, uv, Poetry, a browser.
  [`${JSON_TYPE}, ${HTML1}; q=0.1, text/html; q=0.01`, 'json'],
  [`${JSON_TYPE}, ${HTML1};q=0.2, text/html;q=0.01`, 'json'],
  [`${JSON_TYPE}, */*;q=0.1`, 'json'],
  ['text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 'html'],
  [JSON_TYPE, 'json'],
  [HTML1, 'html1'],
  ['text/html', 'html'],
  ['application/vnd.pypi.simple.latest+json', 'json'],
  ['application/vnd.pypi.simple.latest+html', 'html1'],
  // Order says nothing; of equal ones the most expressive.
  [`text/html, ${HTML1}, ${JSON_TYPE}`, 'json'],
  [`text/html, ${HTML1}`, 'html1'],
  [`${JSON_TYPE};q=0.1, ${HTML1};q=0.2`, 'html1'],
  [`${JSON_TYPE};q=0.001, text/html;q=0.002`, 'html'],
  [`${JSON_TYPE.toUpperCase()} ; Q=0.5 , text/html;q=0.4`, 'json'],
  // What is named is not what a wildcard covers.
  [`${JSON_TYPE};q=0.5, */*`, 'html'],
  [`text/html;q=0.1, */*;q=0.5`, 'html1'],
  [`text/html;q=0, */*`, 'html1'],
  ['application/*', 'html1'],
  ['text/*', 'html'],
  ['text/*;q=0.1, application/*;q=0.2', 'html1'],
  // Nothing that there is: never 406.
  ['application/json', 'html'],
  ['image/png', 'html'],
  [`${JSON_TYPE};q=0`, 'html'],
  [`${JSON_TYPE};q=nonsense`, 'html'],
  [`${JSON_TYPE};q=2`, 'html'],
  [',;,', 'html'],
])('Accept %j: %s', (accept, form) => {
  expect(preferredForm(accept)).toBe(form);
});
