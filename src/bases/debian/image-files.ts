import type { OwnFile } from '../rootfs/own-files.ts';
import { formatPathRules, SLIM_RULES } from './path-filter.ts';

/** What an image's apt and dpkg are told, besides what the packages ship. */
export interface ImageFilesOptions {
  readonly slim: boolean;
  readonly mirror: string;
  /** What sources.list calls the distribution: `trixie`. */
  readonly suite: string;
  /** Suites with newer packages. */
  readonly newer: readonly { readonly mirror: string; readonly suite: string }[];
  /** Past its end by nature; apt is told so. */
  readonly isSnapshot: boolean;
  /** Where the image itself has Debian's keys. */
  readonly signedBy: string;
}

const APT = 'etc/apt/apt.conf.d';
const CLEAN =
  '"rm -f /var/cache/apt/archives/*.deb /var/cache/apt/archives/partial/*.deb /var/cache/apt/*.bin || true";';

/**
 * The settings that people know from Debian's official images: no services started, no caches kept, no translations
 * downloaded; for slim images the list of what is left out.
 */
export function imageFiles(options: ImageFilesOptions): OwnFile[] {
  return [
    {
      path: 'usr/sbin/policy-rc.d',
      mode: 0o755,
      content: '#!/bin/sh\n# Services are not started while packages are installed into an image.\nexit 101\n',
    },
    {
      path: 'etc/dpkg/dpkg.cfg.d/docker-apt-speedup',
      content:
        '# A layer that is cut off by a power loss is built again; syncing every file only costs time.\nforce-unsafe-io\n',
    },
    ...(options.slim
      ? [
          {
            path: 'etc/dpkg/dpkg.cfg.d/docker',
            content: `# This is a slim image: these files of packages are left out, now and later.\n${formatPathRules(SLIM_RULES)}`,
          },
        ]
      : []),
    {
      path: `${APT}/docker-autoremove-suggests`,
      content:
        '// A package that is only suggested does not keep another one from being removed.\nApt::AutoRemove::SuggestsImportant "false";\n',
    },
    {
      path: `${APT}/docker-clean`,
      content: `// Downloaded packages and apt's binary caches would only make layers larger.\nDPkg::Post-Invoke { ${CLEAN} };\nAPT::Update::Post-Invoke { ${CLEAN} };\n\nDir::Cache::pkgcache "";\nDir::Cache::srcpkgcache "";\n`,
    },
    {
      path: `${APT}/docker-gzip-indexes`,
      content: '// Package lists stay compressed on disk.\nAcquire::GzipIndexes "true";\n',
    },
    {
      path: `${APT}/docker-no-languages`,
      content: '// Translations of descriptions are not downloaded.\nAcquire::Languages "none";\n',
    },
    { path: 'etc/apt/sources.list.d/debian.sources', content: sourcesText(options) },
    { path: 'etc/fstab', content: '# UNCONFIGURED FSTAB FOR BASE SYSTEM\n' },
    { path: 'etc/hostname', content: 'debian\n' },
    { path: 'etc/resolv.conf', content: '' },
  ];
}

function sourcesText({ mirror, suite, newer, isSnapshot, signedBy }: ImageFilesOptions): string {
  const suites = new Map<string, string[]>();
  for (const each of [{ mirror, suite }, ...newer])
    suites.set(each.mirror, [...(suites.get(each.mirror) ?? []), each.suite]);
  const expiry = isSnapshot ? 'Check-Valid-Until: no\n' : '';
  return [...suites]
    .map(
      ([uri, names]) =>
        `Types: deb\nURIs: ${uri}\nSuites: ${names.join(' ')}\nComponents: main\nSigned-By: ${signedBy}\n${expiry}`,
    )
    .join('\n');
}
