/** Debian's releases by their numbers, as the tags of images name them. */
const DEBIAN: Readonly<Record<string, string>> = { '11': 'bullseye', '12': 'bookworm', '13': 'trixie', '14': 'forky' };
const CODENAMES = 'bullseye|bookworm|trixie|forky|sid';

/** The suite of Debian that an image has its packages from, as far as its name says; undefined where it does not. */
export function debianSuiteOf(image: string): string | undefined {
  const [name = '', tag = ''] = partsOf(image);
  const codename = new RegExp(`(?:^|-)(${CODENAMES})(?:-|$)`).exec(tag)?.[1];
  if (codename !== undefined) return codename;
  if (name !== 'debian') return undefined;
  const [first = ''] = tag.split('-');
  if (/^(?:stable|testing|unstable|oldstable)$/.test(first)) return first;
  return DEBIAN[first.split('.')[0] ?? ''];
}

/** The branch of Alpine that an image has its packages from, as far as its name says. */
export function alpineBranchOf(image: string): string | undefined {
  const [name = '', tag = ''] = partsOf(image);
  const version = (name === 'alpine' ? /^(\d+\.\d+|edge)/ : /(?:^|-)alpine(\d+\.\d+)/).exec(tag)?.[1];
  if (version === undefined) return undefined;
  return version === 'edge' ? version : `v${version}`;
}

/** Repository without docker.io/library, and tag. */
function partsOf(image: string): readonly string[] {
  const [name = ''] = image.split('@');
  const colon = name.lastIndexOf(':');
  const [repository, tag] = colon > name.lastIndexOf('/') ? [name.slice(0, colon), name.slice(colon + 1)] : [name, ''];
  return [repository.replace(/^(?:docker\.io\/)?(?:library\/)?/, ''), tag];
}
