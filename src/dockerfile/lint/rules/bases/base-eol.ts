import type { LintRule } from '../../rule.ts';

/** Releases of official images whose support has ended, with the month of that end. As of the release of this list. */
const ENDED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  debian: {
    '7': '2018-05',
    wheezy: '2018-05',
    '8': '2020-06',
    jessie: '2020-06',
    '9': '2022-06',
    stretch: '2022-06',
    '10': '2024-06',
    buster: '2024-06',
    '11': '2026-08',
    bullseye: '2026-08',
  },
  ubuntu: {
    '14.04': '2019-04',
    trusty: '2019-04',
    '16.04': '2021-04',
    xenial: '2021-04',
    '18.04': '2023-05',
    bionic: '2023-05',
    '20.04': '2025-05',
    focal: '2025-05',
    '22.10': '2023-07',
    '23.04': '2024-01',
    '23.10': '2024-07',
    '24.10': '2025-07',
  },
  centos: { '6': '2020-11', '7': '2024-06', '8': '2021-12', latest: '2021-12' },
  fedora: { '37': '2023-12', '38': '2024-05', '39': '2024-11', '40': '2025-05' },
  alpine: {
    '3.12': '2022-05',
    '3.13': '2022-11',
    '3.14': '2023-05',
    '3.15': '2023-11',
    '3.16': '2024-05',
    '3.17': '2024-11',
    '3.18': '2025-05',
    '3.19': '2025-11',
  },
  node: { '10': '2021-04', '12': '2022-04', '14': '2023-04', '16': '2023-09', '18': '2025-04' },
  python: { '2': '2020-01', '2.7': '2020-01', '3.6': '2021-12', '3.7': '2023-06', '3.8': '2024-10', '3.9': '2025-10' },
  php: { '7': '2022-11', '7.4': '2022-11', '8.0': '2023-11', '8.1': '2025-12' },
  ruby: { '2': '2023-03', '2.7': '2023-03', '3.0': '2024-04', '3.1': '2025-03' },
};

export const baseEol: LintRule = {
  id: 'base-eol',
  aliases: [],
  topic: 'bases',
  severity: 'warning',
  title: 'the base is a release that still gets security fixes',
  why: 'After the end of support nobody mends what is found in the packages of the base, and its repositories are moved away, so that installing anything fails one day.',
  bad: 'FROM debian:buster\nRUN make',
  good: 'FROM debian:12\nRUN make',
  fix: 'none',
  *check({ stages }) {
    for (const { from, base, baseText } of stages) {
      if (from === undefined || base !== undefined) continue;
      const [name = '', tag = 'latest'] = baseText
        .replace(/@.*/, '')
        .replace(/^(?:docker\.io\/)?(?:library\/)?/, '')
        .split(':');
      const releases = Object.hasOwn(ENDED, name) ? (ENDED[name] ?? {}) : {};
      const parts = tag.split(/[-]/);
      const versions = [
        parts[0] ?? '',
        (parts[0] ?? '').split('.').slice(0, 2).join('.'),
        (parts[0] ?? '').split('.')[0] ?? '',
      ];
      const isWhole = /^(?:alpine|ubuntu|php|ruby|python)$/.test(name);
      const ended = versions
        .slice(0, isWhole ? 2 : 3)
        .map((one) => (Object.hasOwn(releases, one) ? releases[one] : undefined))
        .find((month) => month !== undefined);
      if (ended !== undefined)
        yield { message: `${name} ${parts[0]} has been out of support since ${ended}`, span: from.base };
    }
  },
};
