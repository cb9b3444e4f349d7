import { compareBytes } from '../base/index.ts';
import type { Distribution, PackageType } from './types.ts';

/** The parts of a package URL (github.com/package-url/purl-spec, "PURL-SPECIFICATION"). */
export interface Purl {
  readonly type: PackageType | 'docker' | 'oci' | 'generic';
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version?: string | undefined;
  /** Those that are undefined or empty are left out. */
  readonly qualifiers?: Readonly<Record<string, string | undefined>>;
}

/** Formats a package URL in its canonical form: qualifiers in order, all but unreserved characters and `:` encoded. */
export function formatPurl({ type, namespace, name, version, qualifiers = {} }: Purl): string {
  const path = [...(namespace ?? '').split('/').filter((part) => part !== ''), name].map(encoded).join('/');
  const pairs = Object.entries(qualifiers)
    .flatMap(([key, value]) => (value === undefined || value === '' ? [] : [`${key}=${encoded(value)}`]))
    .toSorted(compareBytes);
  const suffix = pairs.length === 0 ? '' : `?${pairs.join('&')}`;
  return `pkg:${type}/${path}${version === undefined ? '' : `@${encoded(version)}`}${suffix}`;
}

/** `debian-12`: how scanners name the distribution that a package is of. */
export function distroQualifier(distribution: Distribution | undefined): string | undefined {
  if (distribution === undefined) return undefined;
  return distribution.versionId === undefined ? distribution.id : `${distribution.id}-${distribution.versionId}`;
}

/** purl-spec, "Character encoding": the colon is never encoded. */
function encoded(text: string): string {
  return encodeURIComponent(text)
    .replaceAll('%3A', ':')
    .replace(/[!'()*]/g, (c) => `%${c.charCodeAt(0).toString(16).toUpperCase()}`);
}
