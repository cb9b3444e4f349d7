import { ShaleError } from '../base/index.ts';
import type { StepSettings } from '../build/index.ts';
import { cgroupSupport } from '../runtime/index.ts';
import { checkCgroupParent, fitLimits } from './containers/limits.ts';
import { DEFAULT_HOST_CONFIG, type HostConfig } from './host-config.ts';
import type { BuildRequest } from './types.ts';

const ENTITLEMENTS = ['network.host', 'security.insecure', 'device'] as const;

/**
 * What a request says of its RUN steps, fitted to this machine: what its cgroups cannot limit is told by `warn`.
 * @throws ENTITLEMENT_UNKNOWN, LIMIT_INVALID
 */
export function stepSettingsOf(
  { allow = [], stepConfig = {}, cgroupParent }: Pick<BuildRequest, 'allow' | 'stepConfig' | 'cgroupParent'>,
  warn: (message: string) => void,
): StepSettings {
  if (cgroupParent !== undefined) checkCgroupParent(cgroupParent);
  const host: HostConfig = { ...DEFAULT_HOST_CONFIG, ...stepConfig };
  const { resources, warnings } = fitLimits(host, cgroupSupport());
  for (const warning of warnings) warn(warning);
  const ulimits = host.Ulimits.map(({ Name, Soft, Hard }) => ({ name: Name, soft: Soft, hard: Hard }));
  const shmSize = host.ShmSize === DEFAULT_HOST_CONFIG.ShmSize ? {} : { shmSizeBytes: host.ShmSize };
  return {
    allow: allow.map(entitlementOf),
    extraHosts: host.ExtraHosts.map(extraHostOf),
    limits: ulimits.length === 0 && host.ShmSize === DEFAULT_HOST_CONFIG.ShmSize ? undefined : { ulimits, ...shmSize },
    resources,
    cgroupParent,
  };
}

function entitlementOf(text: string): StepSettings['allow'][number] {
  const known = ENTITLEMENTS.find((one) => one === text);
  if (known !== undefined) return known;
  if (text.startsWith('device=')) return `device=${text.slice('device='.length)}`;
  throw new ShaleError('ENTITLEMENT_UNKNOWN', `there is no right ${JSON.stringify(text)} that a build could be given`, {
    hint: `--allow takes ${ENTITLEMENTS.join(', ')} and device=NAME`,
  });
}

function extraHostOf(text: string): StepSettings['extraHosts'][number] {
  const colon = text.indexOf(':');
  return { host: text.slice(0, colon), ip: text.slice(colon + 1) };
}
