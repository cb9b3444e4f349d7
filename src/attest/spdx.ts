import { createHash } from 'node:crypto';
import { compareBytes, toText, type JsonObject } from '../base/index.ts';
import { hexOf } from '../oci/index.ts';
import type { Distribution, Package } from '../packages/index.ts';
import { licenceExpression, type OwnLicences } from './licences.ts';
import { subjectName, wholeSeconds, type SbomSubject } from './sbom-subject.ts';

const IMAGE_ID = 'SPDXRef-Image';
const NOTHING = 'NOASSERTION';

/**
 * An SBOM as SPDX 2.3 in JSON (spdx.github.io/spdx-spec/v2.3): the image, its operating system, and every package in it.
 * Its name space and all of its identifiers come from its content.
 */
export function spdxDocument(subject: SbomSubject): JsonObject {
  const own: OwnLicences = new Map();
  const { inventory, created, toolVersion } = subject;
  const packages = inventory.packages.map((each) => packageOf(each, subject, own));
  const system = inventory.distribution === undefined ? [] : [systemOf(inventory.distribution)];
  const contained = [...system, ...packages].map((each) => ({
    spdxElementId: IMAGE_ID,
    relationshipType: 'CONTAINS',
    relatedSpdxElement: each['SPDXID'],
  }));
  const body = {
    creationInfo: { created: wholeSeconds(created), creators: [`Tool: shale-${toolVersion}`] },
    packages: [imageOf(subject), ...system, ...packages],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: IMAGE_ID },
      ...contained,
    ],
    ...(own.size > 0 && { hasExtractedLicensingInfos: extracted(own) }),
  };
  const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: subjectName(subject),
    documentNamespace: `https://spdx.org/spdxdocs/shale-${hash}`,
    ...body,
  };
}

function imageOf(subject: SbomSubject): JsonObject {
  const { id, platform, stage } = subject;
  return {
    name: subjectName(subject),
    SPDXID: IMAGE_ID,
    versionInfo: platform,
    downloadLocation: NOTHING,
    filesAnalyzed: false,
    ...(stage === undefined && { checksums: [{ algorithm: 'SHA256', checksumValue: hexOf(id) }] }),
    licenseConcluded: NOTHING,
    licenseDeclared: NOTHING,
    copyrightText: NOTHING,
    primaryPackagePurpose: 'CONTAINER',
  };
}

function systemOf({ id, versionId, prettyName }: Distribution): JsonObject & { readonly SPDXID: string } {
  return {
    name: id,
    SPDXID: 'SPDXRef-OperatingSystem',
    ...(versionId !== undefined && { versionInfo: versionId }),
    ...(prettyName !== undefined && { description: prettyName }),
    downloadLocation: NOTHING,
    filesAnalyzed: false,
    licenseConcluded: NOTHING,
    licenseDeclared: NOTHING,
    copyrightText: NOTHING,
    primaryPackagePurpose: 'OPERATING-SYSTEM',
  };
}

function packageOf(each: Package, { layers }: SbomSubject, own: OwnLicences): JsonObject & { readonly SPDXID: string } {
  const { type, name, version, supplier, homepage, source, purl, foundIn } = each;
  const layer = layers[each.layer];
  const where = `/${toText(foundIn)}${layer === undefined ? '' : `, in the layer ${layer}`}`;
  const from = source === undefined ? '' : `; built from ${source.name} ${source.version}`;
  return {
    name,
    SPDXID: `SPDXRef-Package-${type}-${spdxWord(name)}-${packageKey(each)}`,
    versionInfo: version,
    ...(supplier !== undefined && { supplier: personOf(supplier) }),
    downloadLocation: NOTHING,
    filesAnalyzed: false,
    ...(homepage !== undefined && isWebAddress(homepage) && { homepage }),
    sourceInfo: `found in ${where}${from}`,
    licenseConcluded: NOTHING,
    licenseDeclared: licenceExpression(each.licences, own) ?? NOTHING,
    copyrightText: NOTHING,
    externalRefs: [{ referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: purl }],
  };
}

/** Tells packages of one name apart: the same package at two places is there twice. */
export function packageKey({ purl, foundIn, layer }: Package): string {
  return createHash('sha256')
    .update(JSON.stringify([purl, foundIn, layer]))
    .digest('hex')
    .slice(0, 16);
}

/** Clause 7.5: `Person: NAME (ADDRESS)`. Whether it is a person nobody says. */
function personOf(supplier: string): string {
  const [, name, address] = /^\s*(.*?)\s*<([^<>]*)>\s*$/.exec(supplier) ?? [];
  if (name === undefined || address === undefined) return `Organization: ${supplier}`;
  return `Organization: ${name === '' ? address : `${name} (${address})`}`;
}

function spdxWord(text: string): string {
  return text.replace(/[^A-Za-z0-9.-]+/g, '-');
}

export function isWebAddress(text: string): boolean {
  return /^https?:\/\/[^\s<>"{}|\\^`]+$/.test(text) && URL.canParse(text);
}

/** Their texts are not in the databases of package managers; the name is all that is known. */
function extracted(own: OwnLicences): JsonObject[] {
  return [...own]
    .toSorted(([a], [b]) => compareBytes(a, b))
    .map(([licenseId, name]) => ({ licenseId, extractedText: name, name }));
}
