import type { Platform } from '../../oci/index.ts';
import type { PlanOptions, ResolvedImage } from './plan.ts';

const PATH = 'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** For looking at a Dockerfile as it is written: every base is taken for an image that says nothing but a PATH. */
export const UNSEEN_BASES: Pick<PlanOptions, 'platform' | 'assumeAllowed' | 'resolveImageConfig'> = {
  platform: { os: 'linux', architecture: 'amd64' },
  assumeAllowed: true,
  resolveImageConfig: (_, platform) => Promise.resolve(anyImage(platform)),
};

/** One layer, so that it does not pass for scratch. */
function anyImage({ os, architecture, variant }: Platform): ResolvedImage {
  const platform = { os, architecture, ...(variant === undefined ? {} : { variant }) };
  const config = { ...platform, config: { Env: [PATH] }, diffIds: [], history: [{ createdBy: 'base' }] };
  return { config };
}
