import { UsageError } from '../usage-error.ts';

/** Short words for types of predicates, as cosign has them. */
const TYPES: Readonly<Record<string, readonly string[]>> = {
  provenance: ['https://slsa.dev/provenance/v1', 'https://slsa.dev/provenance/v0.2'],
  slsaprovenance1: ['https://slsa.dev/provenance/v1'],
  slsaprovenance02: ['https://slsa.dev/provenance/v0.2'],
  spdxjson: ['https://spdx.dev/Document'],
  spdx: ['https://spdx.dev/Document'],
  cyclonedx: ['https://cyclonedx.org/bom'],
};

/** The types that a word means, the first above all; a URI means itself. */
export function predicateTypes(word: string): readonly string[] {
  return Object.hasOwn(TYPES, word) ? (TYPES[word] ?? []) : [word];
}

/** The one type that is attested. @throws USAGE for what is neither a word nor a URI */
export function predicateType(word: string | undefined): string {
  const [type = ''] = predicateTypes(word ?? '');
  if (/^[a-z][a-z0-9+.-]*:\S+$/.test(type)) return type;
  throw new UsageError(
    word === undefined ? '--type TYPE is missing' : `--type ${word}: this is no type of a predicate`,
    `${Object.keys(TYPES).join(', ')}, or a URI`,
  );
}
