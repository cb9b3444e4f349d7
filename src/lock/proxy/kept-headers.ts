/**
 * Headers of answers that a step is told, when it is recorded as when it is replayed. Left out are those of the connection, of
 * caches on the way, cookies, and what is new in every answer.
 */
const KEPT: ReadonlySet<string> = new Set([
  'accept-ranges',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-range',
  'content-type',
  'docker-content-digest',
  'etag',
  'last-modified',
  'link',
  'location',
  'retry-after',
  'www-authenticate',
]);
/** Characters of one header. */
const VALUE_MAX = 8192;

export function keptHeaders(
  headers: Readonly<Record<string, string | readonly string[] | undefined>>,
  redact: (location: string) => string,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of Object.keys(headers).toSorted()) {
    const value = headers[name];
    if (value === undefined || !KEPT.has(name)) continue;
    const text = (typeof value === 'string' ? value : value.join(', ')).slice(0, VALUE_MAX);
    kept[name] = name === 'location' ? redact(text) : text;
  }
  return kept;
}
