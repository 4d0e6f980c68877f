/** Composer's repository protocol, version 2, as Composer 2 speaks it. */
import { linesOf, type ClientLine, type ClientSettings, type ClientValue, type ErrorView, type Module, type Rendered } from '../module';
import { withoutMirrors } from './lockfile';
import { routes } from './composer.table';
import { plainMirrors } from './composer.mirrors';
import { documentPath } from './package-name';

export const composer: Module = {
  name: 'composer',
  title: 'Composer',
  defaultPort: 8081,
  purlType: 'composer',
  purlPath: '/p2',
  routes,
  distUrls: true,
  plainMirrors,

  purge(packageName) {
    const name = packageName.toLowerCase();
    return { documents: [documentPath(name, false), documentPath(name, true)], prefix: `/dists/${name}/` };
  },

  /** Composer prints `warning` of any answer that is an error; that something does not exist is none: it asks for `~dev` on suspicion. */
  error({ status, code, text, remedy }: ErrorView): Rendered {
    const said = remedy === '' ? text : `${text}; ${remedy}`;
    const body = { error: said, code, ...(status === 404 || status === 410 ? {} : { warning: said }) };
    return { contentType: 'application/json', body: Buffer.from(`${JSON.stringify(body)}\n`) };
  },

  clients: (base) => [clientLine(base)],
  image: { programs: ['composer'] },
  unlocked: withoutMirrors,
};

function clientLine(base: string): ClientLine {
  // Composer refuses plain http unless it is told otherwise.
  const isPlain = new URL(base).protocol === 'http:';
  const repository: ClientValue = {
    set: 'composer config -g repos.packagist',
    value: JSON.stringify({ type: 'composer', url: base }),
    // Asked for one repository by this name it finds none, since it calls the default one by its whole name.
    get: `composer config -g repositories | php -r '${OWN_DEFAULT}'`,
    unset: 'composer config -g --unset repos.packagist',
  };
  const secure: ClientValue = {
    set: 'composer config -g secure-http',
    value: 'false',
    get: 'composer config -g secure-http',
    unset: 'composer config -g --unset secure-http',
  };
  const settings: ClientSettings = {
    files: ['$(composer config -g home)/config.json'],
    values: [repository, ...(isPlain ? [secure] : [])],
  };
  return {
    client: 'Composer',
    program: 'composer',
    on: `composer config -g repos.packagist composer ${base}${isPlain ? ' && composer config -g secure-http false' : ''}`,
    off: linesOf(settings).off,
    settings,
  };
}

/** PHP that prints what the user has instead of the default repository, of the JSON of all. */
const OWN_DEFAULT = [
  'foreach ((array) json_decode(stream_get_contents(STDIN)) as $name => $is)',
  'if (strncmp($name, "packagist", 9) === 0) echo json_encode($is, JSON_UNESCAPED_SLASHES);',
].join(' ');
