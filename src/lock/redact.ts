/** What stands for a secret in an address. */
export const REDACTED = 'REDACTED';
/** Shorter values would be found everywhere, and are guessed faster than read. */
const SECRET_CHARACTERS_MIN = 6;

/** Parameters that carry a right to fetch: tokens, keys, and the signatures of S3, GCS and Azure with all that they sign. */
const SECRET_PARAMETER =
  /token|secret|passw|signature|credential|api[-_]?key|access[-_]?key|^(?:sig|key|auth|jwt|se|sp|sv|sr|st|skoid|sktid|skt|ske|sks|skv)$|^x-(?:amz|goog|ms)-|^expires$|^awsaccesskeyid$/i;

/**
 * An address as it may be kept: without user, password and fragment, secrets replaced. Equal addresses that differ in
 * nothing but a secret give the same text, so what was recorded with one signature answers for the next one too.
 */
export function redactUrl(url: string, secrets: readonly string[] = []): string {
  const parsed = URL.parse(url);
  if (parsed === null) return withoutSecrets(url.replace(/\/\/[^/@]*@/, '//').replace(/#.*$/s, ''), secrets);
  const parts = parsed.search
    .slice(1)
    .split('&')
    .map((part) => {
      const [name, value] = split(part);
      return value !== undefined && SECRET_PARAMETER.test(decoded(name)) ? `${name}=${REDACTED}` : part;
    });
  const search = parsed.search === '' ? '' : `?${parts.join('&')}`;
  return withoutSecrets(`${parsed.protocol}//${parsed.host}${parsed.pathname}${search}`, secrets);
}

/** The same of where an answer leads, which may be written without its origin; `base` is what was asked. */
export function redactLocation(location: string, base: string, secrets: readonly string[]): string {
  const absolute = URL.parse(location, base);
  if (absolute === null) return withoutSecrets(location, secrets);
  const shown = redactUrl(absolute.href, secrets);
  const isRelative = URL.parse(location) === null && !location.startsWith('//');
  return isRelative && shown.startsWith(absolute.origin) ? shown.slice(absolute.origin.length) : shown;
}

export function isRedacted(url: string): boolean {
  return url.includes(REDACTED);
}

function withoutSecrets(url: string, secrets: readonly string[]): string {
  let shown = url;
  for (const secret of secrets) {
    if (secret.length < SECRET_CHARACTERS_MIN) continue;
    for (const form of new Set([secret, encodeURIComponent(secret), encodeURI(secret)]))
      shown = shown.replaceAll(form, REDACTED);
  }
  return shown;
}

function split(part: string): [name: string, value: string | undefined] {
  const equals = part.indexOf('=');
  return equals < 0 ? [part, undefined] : [part.slice(0, equals), part.slice(equals + 1)];
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
