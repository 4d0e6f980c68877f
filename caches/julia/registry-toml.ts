/** Registry.toml: what a registry says of itself (Pkg's source, src/Registry/registry_instance.jl). */
import { DocumentError, type Announced } from '../module';
import { parseToml } from '../parsers/toml';

/** @throws DocumentError if Pkg could not use a registry that says this of itself: no TOML, or of another registry */
export function checkRegistry(body: Buffer, { subject }: Announced): void {
  const toml = parseToml(body.toString('utf8'));
  if (!toml) throw new DocumentError('its Registry.toml is no TOML');
  const uuid = Object.hasOwn(toml, 'uuid') ? toml['uuid'] : undefined;
  if (uuid !== subject)
    throw new DocumentError(`its Registry.toml is of the registry ${typeof uuid === 'string' ? uuid.slice(0, 40) : 'without a UUID'}`);
  if (!Object.hasOwn(toml, 'packages')) throw new DocumentError('its Registry.toml lists no packages');
}
