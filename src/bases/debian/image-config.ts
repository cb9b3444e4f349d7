import type { DiffId, ImageConfig } from '../../oci/index.ts';

// Debian's names of architectures and OCI's (image-spec image-index.md, "platform").
const PLATFORMS: Readonly<Record<string, { readonly architecture: string; readonly variant?: string }>> = {
  amd64: { architecture: 'amd64' },
  arm64: { architecture: 'arm64', variant: 'v8' },
  armel: { architecture: 'arm', variant: 'v5' },
  armhf: { architecture: 'arm', variant: 'v7' },
  i386: { architecture: '386' },
  ppc64el: { architecture: 'ppc64le' },
  riscv64: { architecture: 'riscv64' },
  s390x: { architecture: 's390x' },
};

/** True for a name that Debian uses and OCI can express. */
export function isDebianArchitecture(name: string): boolean {
  return Object.hasOwn(PLATFORMS, name);
}

/** Debian's name of an OCI architecture, or undefined. */
export function debianArchitecture(architecture: string, variant?: string): string | undefined {
  const named = Object.entries(PLATFORMS).filter(([, platform]) => platform.architecture === architecture);
  return (named.find(([, platform]) => platform.variant === variant) ?? named.at(-1))?.[0];
}

export interface ImageConfigOptions {
  /** As Debian names it. */
  readonly architecture: string;
  readonly suite: string;
  readonly slim: boolean;
  /** Set when there is nothing but these packages: no shell to start. */
  readonly packages?: readonly string[];
  readonly epochSeconds: number;
  readonly diffId: DiffId;
  /** The program that made it, with its version. */
  readonly tool: string;
}

/** The config of a Debian base image, as the official ones have it: a shell, PATH, and how it was made. */
export function debianImageConfig(options: ImageConfigOptions): ImageConfig {
  const created = new Date(options.epochSeconds * 1000).toISOString().replace('.000Z', 'Z');
  const only = options.packages === undefined ? '' : ` --packages '${options.packages.join(',')}'`;
  const made = `# debian --suite '${options.suite}'${options.slim ? ' --slim' : ''}${only} --arch '${options.architecture}' '@${options.epochSeconds}'`;
  return {
    ...PLATFORMS[options.architecture],
    architecture: PLATFORMS[options.architecture]?.architecture ?? options.architecture,
    os: 'linux',
    created,
    config: {
      Env: ['PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'],
      ...(options.packages === undefined && { Cmd: ['bash'] }),
    },
    diffIds: [options.diffId],
    history: [{ created, createdBy: made, comment: options.tool }],
  };
}
