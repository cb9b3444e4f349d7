import type { ImageConfig } from '../../oci/index.ts';

// Alpine's names of architectures and OCI's (image-spec image-index.md, "platform").
const PLATFORMS: Readonly<Record<string, Pick<ImageConfig, 'architecture' | 'variant'>>> = {
  x86_64: { architecture: 'amd64' },
  x86: { architecture: '386' },
  aarch64: { architecture: 'arm64', variant: 'v8' },
  armhf: { architecture: 'arm', variant: 'v6' },
  armv7: { architecture: 'arm', variant: 'v7' },
  loongarch64: { architecture: 'loong64' },
  ppc64le: { architecture: 'ppc64le' },
  riscv64: { architecture: 'riscv64' },
  s390x: { architecture: 's390x' },
};

/** The platform of an architecture as Alpine names it; undefined when Alpine has none of this name. */
export function alpinePlatform(name: string): Pick<ImageConfig, 'architecture' | 'variant'> | undefined {
  return Object.hasOwn(PLATFORMS, name) ? PLATFORMS[name] : undefined;
}

/** Alpine's name of an architecture that is named as Alpine, OCI or Debian do; undefined when there is none. */
export function alpineArchitecture(architecture: string, variant?: string): string | undefined {
  if (Object.hasOwn(PLATFORMS, architecture)) return architecture;
  const wanted = { armel: 'arm', i386: '386', ppc64el: 'ppc64le' }[architecture] ?? architecture;
  const named = Object.entries(PLATFORMS).filter(([, platform]) => platform.architecture === wanted);
  return (named.find(([, platform]) => platform.variant === variant) ?? named.at(-1))?.[0];
}
