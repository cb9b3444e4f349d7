import { fromText, type ByteString } from '../../base/index.ts';

/** An address as it may be shown and kept: without user and password, and without what follows `?`, where signatures stand. */
export function shownUrl(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null) return url.replace(/\/\/[^/@]*@/, '//').replace(/[?#].*$/s, '');
  const query = parsed.search === '' ? '' : '?…';
  return `${parsed.protocol}//${parsed.host}${parsed.pathname}${query}`;
}

/** True when `shownUrl` leaves nothing out that may be a secret. */
export function isShownWhole(url: string): boolean {
  const parsed = URL.parse(url);
  return parsed !== null && parsed.username === '' && parsed.password === '' && parsed.search === '';
}

/**
 * The file name of a Content-Disposition header (RFC 6266): its last component, `filename*` before `filename`; undefined
 * for none that a file could have.
 */
export function dispositionFileName(header: string | undefined): ByteString | undefined {
  const name = extendedName(header) ?? plainName(header);
  const last = name?.split(/[/\\]/).at(-1) ?? '';
  return last === '' || last === '.' || last === '..' || /[\0-\x1f\x7f]/.test(last) ? undefined : last;
}

function extendedName(header: string | undefined): ByteString | undefined {
  const encoded = /;\s*filename\*\s*=\s*(?:UTF-8|utf-8)'[^']*'([^;\s]+)/.exec(header ?? '')?.[1];
  if (encoded === undefined) return undefined;
  try {
    return fromText(decodeURIComponent(encoded));
  } catch {
    return undefined;
  }
}

/** Headers come as bytes, one in each character, which is what a name is. */
function plainName(header: string | undefined): ByteString | undefined {
  const match = /;\s*filename\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^;\s"]+))/i.exec(header ?? '');
  return match?.[1]?.replaceAll(/\\(.)/g, '$1') ?? match?.[2];
}
