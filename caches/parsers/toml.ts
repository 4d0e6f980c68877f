/** TOML 1.0.0, by a maintained parser. */
import { parse } from 'smol-toml';

/** The document as an object, or undefined if it is no TOML. Its keys come from the text: look nothing up that is not meant. */
export function parseToml(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    return parse(text) as Readonly<Record<string, unknown>>;
  } catch {
    return undefined;
  }
}
