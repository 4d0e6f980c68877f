/** Values as they are written into a file like .env, so that dotenv reads them back as they were. */

/**
 * A value in quotes that do not occur in it: dotenv knows no escapes but \n within "", and ends a quoted value at the next mark without \ before it.
 * @returns undefined: such a file cannot have it
 */
export function envWord(value: string): string | undefined {
  const mark = ["'", '`', '"'].find((one) => !value.includes(one) && !(one === '"' && value.includes('\\')));
  return mark === undefined || value.endsWith('\\') || /[\r\n]/.test(value) ? undefined : mark + value + mark;
}
