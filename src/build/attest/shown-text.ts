import { isShownWhole, shownUrl } from '../sources/url-text.ts';

/** Addresses as they stand in instructions, arguments and comments. */
const ADDRESS = /\b[a-z][a-z0-9+.-]*:\/\/[^\s"'`<>\\]+/gi;

/** A text in which no address has a user, a password or a signature (CVE-2023-26054). */
export function shownText(text: string): string {
  return text.replace(ADDRESS, (address) => (isShownWhole(address) ? address : shownUrl(address)));
}

export function shownValues(values: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(values).map(([name, value]) => [name, shownText(value)]));
}
