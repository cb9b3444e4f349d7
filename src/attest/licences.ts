/**
 * Licence names of ecosystems as SPDX licence expressions (SPDX 2.3, annex D). Only what is certain is translated; every
 * other name becomes one of the document's own.
 */

/** The SPDX licence list's identifiers that packages of images commonly have. */
const SPDX_IDS: readonly string[] = `
  0BSD AFL-2.1 AGPL-3.0-only AGPL-3.0-or-later Apache-1.1 Apache-2.0 Artistic-1.0 Artistic-1.0-Perl
  Artistic-2.0 BlueOak-1.0.0 BSD-1-Clause BSD-2-Clause BSD-2-Clause-Views BSD-3-Clause BSD-4-Clause
  BSD-4-Clause-UC BSL-1.0 bzip2-1.0.6 CC0-1.0 CC-BY-3.0 CC-BY-4.0 CC-BY-SA-3.0 CC-BY-SA-4.0 CDDL-1.0 curl
  EPL-1.0 EPL-2.0 FSFAP FSFUL FSFULLR FTL GFDL-1.2-only GFDL-1.2-or-later GFDL-1.3-only GFDL-1.3-or-later
  GPL-1.0-only GPL-1.0-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later HPND ICU IJG ISC
  LGPL-2.0-only LGPL-2.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later Libpng
  libpng-2.0 libtiff MirOS MIT MIT-0 MPL-1.1 MPL-2.0 NCSA OFL-1.1 OLDAP-2.8 OpenSSL PHP-3.01 PostgreSQL PSF-2.0
  Python-2.0 Ruby SGI-B-2.0 Sleepycat SSH-OpenSSH TCL Unicode-3.0 Unicode-DFS-2016 Unlicense Vim W3C WTFPL X11
  Zlib ZPL-2.1
`
  .trim()
  .split(/\s+/);

const BY_LOWER_CASE: ReadonlyMap<string, string> = new Map(SPDX_IDS.map((id) => [id.toLowerCase(), id]));

/** Names of Debian's copyright format, of old npm packages and of Python's classifiers for the same licences. */
const ALSO_CALLED: Readonly<Record<string, string>> = {
  'apache 2.0': 'Apache-2.0',
  'apache software license': 'Apache-2.0',
  'apache license 2.0': 'Apache-2.0',
  'apache-2': 'Apache-2.0',
  'bsd-2-clause': 'BSD-2-Clause',
  'bsd-3-clause': 'BSD-3-Clause',
  'cc0-1': 'CC0-1.0',
  expat: 'MIT',
  'isc license (iscl)': 'ISC',
  'mit license': 'MIT',
  'mozilla public license 2.0 (mpl 2.0)': 'MPL-2.0',
  'python software foundation license': 'PSF-2.0',
};

/** Licences of others that a document speaks of, by the name that it gives them. */
export type OwnLicences = Map<string, string>;

/**
 * The licence expression of a package that declares several names: all of them hold. Names that are not on the SPDX list
 * become `LicenseRef-…` and are added to `own`. Undefined when nothing is declared.
 */
export function licenceExpression(declared: readonly string[], own: OwnLicences): string | undefined {
  const parts = declared.map((name) => spdxExpression(name) ?? ownLicence(name, own));
  const each = [...new Set(parts)];
  if (each.length === 0) return undefined;
  return each.length === 1 ? each[0] : each.map((part) => (part.includes(' ') ? `(${part})` : part)).join(' AND ');
}

/** A name or an expression in the words of the SPDX list; undefined where any part of it is not on the list. */
export function spdxExpression(declared: string): string | undefined {
  const tokens = declared.match(/\(|\)|[^\s()]+/g) ?? [];
  const whole = spdxId(declared);
  if (whole !== undefined) return whole;
  if (!isExpression(tokens)) return undefined;
  const words = tokens.map((token) => (/^(?:AND|OR|\(|\))$/.test(token) ? token : spdxId(token)));
  if (words.includes(undefined)) return undefined;
  return words.join(' ').replaceAll('( ', '(').replaceAll(' )', ')');
}

/** Operands and operators in turn, with brackets that fit. Exceptions (`WITH`) are no licences of the list. */
function isExpression(tokens: readonly string[]): boolean {
  let depth = 0;
  let wantsOperand = true;
  for (const token of tokens) {
    if (token === '(') {
      if (!wantsOperand) return false;
      depth++;
    } else if (token === ')') {
      if (wantsOperand || --depth < 0) return false;
    } else {
      const isOperator = token === 'AND' || token === 'OR';
      if (isOperator === wantsOperand) return false;
      wantsOperand = isOperator;
    }
  }
  return depth === 0 && !wantsOperand;
}

function spdxId(name: string): string | undefined {
  const lower = name.toLowerCase();
  const known = BY_LOWER_CASE.get(lower) ?? (Object.hasOwn(ALSO_CALLED, lower) ? ALSO_CALLED[lower] : undefined);
  return known ?? gnuId(lower);
}

/** `GPL-2+`, `LGPL-2.1`, `GFDL-1.3+`: Debian's and the SPDX list's older names of the GNU licences. */
function gnuId(lower: string): string | undefined {
  const [, family, version, later] = /^(a?gpl|lgpl|gfdl)-([0-9](?:\.[0-9])?)(\+?)$/.exec(lower) ?? [];
  if (family === undefined || version === undefined) return undefined;
  const number = version.includes('.') ? version : `${version}.0`;
  return BY_LOWER_CASE.get(`${family}-${number}-${later === '+' ? 'or-later' : 'only'}`);
}

/** SPDX 2.3, clause 10.1: letters, digits, `.` and `-`. Different names stay different. */
function ownLicence(name: string, own: OwnLicences): string {
  const plain = name.replace(/[^A-Za-z0-9.-]+/g, '-').replace(/^-+|-+$/g, '') || 'unnamed';
  for (let number = 1; ; number++) {
    const id = `LicenseRef-${plain}${number === 1 ? '' : `-${number}`}`;
    const known = own.get(id);
    if (known === undefined) own.set(id, name);
    if (known === undefined || known === name) return id;
  }
}
