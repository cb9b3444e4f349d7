import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asDiffId, digestOf } from '../oci/index.ts';
import type { Package } from '../packages/index.ts';
import { cyclonedxDocument, spdxDocument, type SbomSubject } from './index.ts';
import { licenceExpression, spdxExpression } from './licences.ts';

const layer = asDiffId(digestOf(Buffer.from('layer')));

function packageOf(fields: Partial<Package>): Package {
  return {
    type: 'deb',
    name: 'bash',
    version: '5.2',
    licences: [],
    purl: 'pkg:deb/debian/bash@5.2',
    layer: 0,
    foundIn: 'var/lib/dpkg/status',
    fileList: { kind: 'none' },
    ...fields,
  };
}

function subjectOf(...packages: readonly Package[]): SbomSubject {
  return {
    id: digestOf(Buffer.from('image')),
    platform: 'linux/amd64',
    created: '2026-01-02T03:04:05.678Z',
    layers: [layer],
    inventory: { distribution: { id: 'debian', versionId: '12' }, packages, problems: [] },
    toolVersion: '1.2.3',
  };
}

const BASH = packageOf({
  supplier: 'Matthias Klose <doko@debian.org>',
  homepage: 'https://gnu.org/bash',
  licences: ['GPL-3+', 'Strange & new'],
  source: { name: 'bash', version: '5.1' },
});
const ZLIB = packageOf({ name: 'z/lib', version: '1', purl: 'pkg:npm/z@1', type: 'npm', licences: ['Zlib'] });

test('spdxDocument() describes the image, its system and its packages', () => {
  const document = spdxDocument(subjectOf(BASH, ZLIB));
  assert.equal(document['spdxVersion'], 'SPDX-2.3');
  assert.deepEqual(document['creationInfo'], { created: '2026-01-02T03:04:05Z', creators: ['Tool: shale-1.2.3'] });
  assert.match(JSON.stringify(document['documentNamespace']), /^"https:\/\/spdx\.org\/spdxdocs\/shale-[0-9a-f]{64}"$/);
  assert.deepEqual(document['hasExtractedLicensingInfos'], [
    { licenseId: 'LicenseRef-Strange-new', extractedText: 'Strange & new', name: 'Strange & new' },
  ]);
  const packages = document['packages'];
  assert.ok(Array.isArray(packages));
  const [image, system, bash, zlib] = packages.map((each) => Object(each));
  assert.equal(image.primaryPackagePurpose, 'CONTAINER');
  assert.equal(system.primaryPackagePurpose, 'OPERATING-SYSTEM');
  assert.equal(bash.licenseDeclared, 'GPL-3.0-or-later AND LicenseRef-Strange-new');
  assert.equal(bash.supplier, 'Organization: Matthias Klose (doko@debian.org)');
  assert.equal(bash.sourceInfo, `found in /var/lib/dpkg/status, in the layer ${layer}; built from bash 5.1`);
  for (const { SPDXID } of [image, system, bash, zlib]) assert.match(SPDXID, /^SPDXRef-[A-Za-z0-9.-]+$/);
});

test('SBOMs are functions of what they describe', () => {
  for (const write of [spdxDocument, cyclonedxDocument]) {
    const text = JSON.stringify(write(subjectOf(BASH, ZLIB)));
    assert.equal(JSON.stringify(write(subjectOf(BASH, ZLIB))), text);
    assert.notEqual(JSON.stringify(write(subjectOf(BASH))), text);
  }
});

test('cyclonedxDocument() lists components with licences either as ids or as one expression', () => {
  const both = packageOf({ name: 'both', purl: 'pkg:deb/debian/both@1', licences: ['MIT OR Apache-2.0'] });
  const document = cyclonedxDocument(subjectOf(BASH, ZLIB, both));
  assert.equal(document['specVersion'], '1.6');
  assert.match(
    JSON.stringify(document['serialNumber']),
    /^"urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}"$/,
  );
  const components = document['components'];
  assert.ok(Array.isArray(components));
  const licenses = components.map((each) => Object(each).licenses);
  assert.deepEqual(licenses, [
    undefined,
    [{ license: { id: 'GPL-3.0-or-later' } }, { license: { name: 'Strange & new' } }],
    [{ license: { id: 'Zlib' } }],
    [{ expression: 'MIT OR Apache-2.0' }],
  ]);
  const references = components.map((each) => Object(each)['bom-ref']);
  assert.equal(new Set(references).size, references.length);
});

test('spdxExpression() translates what is certain, and nothing else', () => {
  const expected: Readonly<Record<string, string | undefined>> = {
    'GPL-2+': 'GPL-2.0-or-later',
    'LGPL-2.1': 'LGPL-2.1-only',
    Expat: 'MIT',
    'mit license': 'MIT',
    '(MIT OR Apache-2.0)': '(MIT OR Apache-2.0)',
    'MIT AND (BSD-2-Clause OR Zlib)': 'MIT AND (BSD-2-Clause OR Zlib)',
    'MIT OR': undefined,
    'MIT Zlib': undefined,
    '(MIT': undefined,
    'GPL-2.0-or-later WITH Classpath-exception-2.0': undefined,
    constructor: undefined,
    '': undefined,
  };
  for (const [declared, expression] of Object.entries(expected))
    assert.equal(spdxExpression(declared), expression, declared);
});

test('licenceExpression() keeps names apart that look alike as identifiers', () => {
  const own = new Map<string, string>();
  assert.equal(licenceExpression(['a b', 'a_b', 'a b'], own), 'LicenseRef-a-b AND LicenseRef-a-b-2');
  assert.equal(licenceExpression(['MIT', 'Zlib OR ISC'], own), 'MIT AND (Zlib OR ISC)');
  assert.equal(licenceExpression([], own), undefined);
});
