import type { Distribution } from '../../packages/index.ts';
import type { Support } from './compare-types.ts';

/** When releases get no security updates any more, long-term support included, as their distributions have published. */
const ENDS: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  debian: { '10': '2024-06-30', '11': '2026-08-31', '12': '2028-06-30', '13': '2030-06-30' },
  ubuntu: { '20.04': '2025-05-31', '22.04': '2027-06-01', '24.04': '2029-05-31' },
  alpine: {
    '3.17': '2024-11-22',
    '3.18': '2025-05-09',
    '3.19': '2025-11-01',
    '3.20': '2026-04-01',
    '3.21': '2026-11-01',
    '3.22': '2027-05-01',
    '3.23': '2027-11-01',
  },
};

/** Until when a release is supported. */
export function supportOf(distribution: Distribution | undefined, now: Date): Support {
  const releases = ENDS[distribution?.id ?? ''];
  const version = distribution?.versionId ?? '';
  // Alpine says 3.20.3 of what is supported as 3.20, Debian 13 of what it released as 13.7.
  const date =
    releases?.[version] ??
    releases?.[version.split('.').slice(0, 2).join('.')] ??
    releases?.[version.split('.')[0] ?? ''];
  if (date === undefined) return { kind: 'unknown' };
  return { kind: 'until', date, isOver: now.toISOString().slice(0, 10) > date };
}
