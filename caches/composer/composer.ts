/** Composer's repository protocol, version 2, as Composer 2 speaks it. */
import type { ClientLine, ErrorView, Module, Rendered } from '../module';
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

  clients(base): readonly ClientLine[] {
    // Composer refuses plain http unless it is told otherwise.
    const isPlain = new URL(base).protocol === 'http:';
    return [
      {
        client: 'Composer',
        on: `composer config -g repos.packagist composer ${base}${isPlain ? ' && composer config -g secure-http false' : ''}`,
        off: `composer config -g --unset repos.packagist${isPlain ? ' && composer config -g --unset secure-http' : ''}`,
      },
    ];
  },
};
