/** Kinds of files that the map can tell apart, by name, place and mode only. */
export const FILE_GROUPS = [
  { id: 'library', title: 'libraries' },
  { id: 'program', title: 'programs' },
  { id: 'code', title: 'code' },
  { id: 'archive', title: 'archives and packages' },
  { id: 'document', title: 'documentation, translations' },
  { id: 'media', title: 'pictures, fonts' },
  { id: 'data', title: 'other data' },
] as const;

export type FileGroup = (typeof FILE_GROUPS)[number]['id'];

const BY_NAME: readonly (readonly [RegExp, FileGroup])[] = [
  [/\.(?:so(?:\.[\d.]+)?|a|node|ko|dll|wasm)$/, 'library'],
  [/\.(?:deb|rpm|apk|gz|tgz|xz|zst|bz2|zip|jar|war|whl|tar|7z)$/, 'archive'],
  [/(?:^|\/)usr\/(?:local\/)?share\/(?:doc|man|info|locale|i18n|help)\/|\.(?:md|rst|html?|1|mo|po)$/, 'document'],
  [/\.(?:png|jpe?g|gif|svg|webp|ico|ttf|otf|woff2?|mp[34])$/, 'media'],
  [/\.(?:[cm]?[jt]sx?|pyc?|rb|pm|pl|php|lua|sh|go|rs|java|class|[ch](?:pp)?|el|tcl|css|map)$/, 'code'],
];

/** The group of a file, by its path and its mode. */
export function fileGroup(path: string, mode: number): FileGroup {
  const lower = path.toLowerCase();
  for (const [pattern, group] of BY_NAME) if (pattern.test(lower)) return group;
  return (mode & 0o111) !== 0 ? 'program' : 'data';
}
