import { ShaleError } from '../base/index.ts';
import type { Platform } from './image.ts';

const ARCHITECTURES: Readonly<Record<string, string>> = {
  x64: 'amd64',
  x86_64: 'amd64',
  'x86-64': 'amd64',
  aarch64: 'arm64',
  armhf: 'arm',
  armel: 'arm',
  i386: '386',
  i686: '386',
  ia32: '386',
  ppc64el: 'ppc64le',
};
const PART = /^[A-Za-z0-9_.-]+$/;

/**
 * Reads `os/arch[/variant]`, `os` or `arch` alone, and brings the names to Go's, as containerd's normaliser does.
 * @throws PLATFORM_INVALID
 */
export function parsePlatform(text: string): Platform {
  const parts = text.toLowerCase().split('/');
  const [first = '', second, third] = parts;
  if (parts.length > 3 || !parts.every((part) => PART.test(part))) {
    throw new ShaleError('PLATFORM_INVALID', `${JSON.stringify(text.slice(0, 100))} is not a platform`, {
      hint: 'a platform is os/architecture[/variant], such as linux/amd64',
    });
  }
  if (second !== undefined)
    return normalizePlatform({ os: first, architecture: second, ...(third === undefined ? {} : { variant: third }) });
  return ['linux', 'windows', 'darwin', 'freebsd'].includes(first)
    ? { ...hostPlatform(), os: first }
    : normalizePlatform({ os: 'linux', architecture: first });
}

/** Architecture and variant in one spelling: `aarch64` is `arm64`, `arm64/v8` is `arm64`, `arm` is `arm/v7`. */
export function normalizePlatform(platform: Platform): Platform {
  const architecture = ARCHITECTURES[platform.architecture] ?? platform.architecture;
  const { variant, ...rest } = platform;
  const kept =
    architecture === 'arm64' && (variant === 'v8' || variant === '8')
      ? undefined
      : architecture === 'arm'
        ? `v${(variant ?? (platform.architecture === 'armel' ? '6' : '7')).replace(/^v/, '')}`
        : architecture === 'amd64' && variant === 'v1'
          ? undefined
          : variant;
  return { ...rest, architecture, ...(kept === undefined ? {} : { variant: kept }) };
}

export function formatPlatform(platform: Platform): string {
  return [platform.os, platform.architecture, platform.variant]
    .filter((part) => part !== undefined && part !== '')
    .join('/');
}

/** The platform that this machine runs natively, as a Linux platform. */
export function hostPlatform(): Platform {
  return normalizePlatform({ os: 'linux', architecture: process.arch });
}

/** True when an image of platform `offered` is what `wanted` asks for. */
export function platformMatches(wanted: Platform, offered: Platform): boolean {
  const a = normalizePlatform(wanted);
  const b = normalizePlatform(offered);
  return a.os === b.os && a.architecture === b.architecture && (a.variant ?? '') === (b.variant ?? '');
}
