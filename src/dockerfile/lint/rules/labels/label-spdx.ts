import { labelRule } from '../../label-values.ts';
import type { LintRule } from '../../rule.ts';

export const labelSpdx: LintRule = labelRule({
  id: 'label-spdx',
  aliases: ['DL3054'],
  title: 'labels for a licence hold its SPDX identifier',
  why: 'Tools that collect licences know identifiers like `Apache-2.0`, and expressions of them. The setting `labels` says which labels are licences (`spdx`).',
  bad: 'FROM debian:12\nLABEL org.opencontainers.image.licenses="Apache License"',
  good: 'FROM debian:12\nLABEL org.opencontainers.image.licenses="Apache-2.0 OR MIT"',
  kind: 'spdx',
  label: 'org.opencontainers.image.licenses',
  isValid: isSpdxExpression,
  what: 'SPDX expression, like Apache-2.0 or MIT OR BSD-3-Clause',
});

/** Identifiers in use today (SPDX licence list 3.x), in lower case; families stand once, with their versions behind. */
const IDENTIFIER =
  /^(?:0bsd|afl-[123]\.\d|agpl-(?:1|3)\.0(?:-only|-or-later)?|apache-(?:1\.[01]|2\.0)|apsl-\d\.\d|artistic-[12]\.0(?:-perl|-cl8)?|bsd-[1234]-clause(?:-[a-z0-9-]+)?|bsl-1\.0|busl-1\.1|blueoak-1\.0\.0|cc0-1\.0|cc-by(?:-nc)?(?:-sa|-nd)?-[1234]\.\d(?:-[a-z]+)?|cddl-1\.[01]|cecill-(?:b|c|[12]\.\d)|cpl-1\.0|curl|ecl-[12]\.0|efl-[12]\.0|elastic-2\.0|epl-[12]\.0|eupl-1\.[012]|fsfap|ftl|gfdl-1\.[123](?:-only|-or-later)?|gpl-[123]\.0(?:-only|-or-later|\+)?|hpnd|icu|ijg|imagemagick|ipl-1\.0|isc|json|lgpl-(?:2\.[01]|3\.0)(?:-only|-or-later|\+)?|libpng(?:-2\.0)?|libtiff|lpl-1\.\d+|mit(?:-0|-cmu|-advertising|-modern-variant)?|mpl-(?:1\.[01]|2\.0)(?:-no-copyleft-exception)?|ms-pl|ms-rl|mulanpsl-[12]\.0|nasa-1\.3|ncsa|ntp|odbl-1\.0|ofl-1\.[01](?:-rfn|-no-rfn)?|openssl|osl-[123]\.\d|php-3\.\d+|postgresql|psf-2\.0|python-2\.0(?:\.1)?|qpl-1\.0|ruby|sspl-1\.0|sleepycat|tcl|unicode-(?:3\.0|dfs-201[56])|unlicense|upl-1\.0|vim|w3c|wtfpl|x11|xnet|zlib|zpl-[12]\.\d)\+?$/;

function isSpdxExpression(text: string): boolean {
  const tokens = text.replace(/[()]/g, ' ').trim().split(/\s+/);
  return (
    tokens.every((token, index) => {
      if (index % 2 === 1) return /^(?:AND|OR|WITH)$/.test(token);
      if (tokens[index - 1] === 'WITH') return /^[A-Za-z0-9.-]+$/.test(token);
      return /^(?:DocumentRef-[\w.-]+:)?LicenseRef-[\w.-]+$/.test(token) || IDENTIFIER.test(token.toLowerCase());
    }) && tokens.length % 2 === 1
  );
}
