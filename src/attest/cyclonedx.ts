import { createHash } from 'node:crypto';
import { toText, type JsonObject } from '../base/index.ts';
import { hexOf } from '../oci/index.ts';
import type { Package } from '../packages/index.ts';
import { spdxExpression } from './licences.ts';
import { subjectName, wholeSeconds, type SbomSubject } from './sbom-subject.ts';
import { isWebAddress, packageKey } from './spdx.ts';

/** An SBOM as CycloneDX 1.6 in JSON (cyclonedx.org/docs/1.6/json). Its serial number comes from its content. */
export function cyclonedxDocument(subject: SbomSubject): JsonObject {
  const { id, platform, stage, created, inventory, toolVersion } = subject;
  const { distribution } = inventory;
  const system = distribution === undefined ? [] : [systemOf(distribution)];
  const body = {
    version: 1,
    metadata: {
      timestamp: wholeSeconds(created),
      tools: { components: [{ type: 'application', name: 'shale', version: toolVersion }] },
      component: {
        type: 'container',
        'bom-ref': id,
        name: subjectName(subject),
        version: platform,
        ...(stage === undefined && { hashes: [{ alg: 'SHA-256', content: hexOf(id) }] }),
      },
    },
    components: [...system, ...inventory.packages.map((each) => componentOf(each, subject))],
  };
  const hash = createHash('sha256').update(JSON.stringify(body)).digest('hex');
  return { bomFormat: 'CycloneDX', specVersion: '1.6', serialNumber: `urn:uuid:${uuidOf(hash)}`, ...body };
}

function systemOf({ id, versionId, prettyName }: NonNullable<SbomSubject['inventory']['distribution']>): JsonObject {
  return {
    type: 'operating-system',
    'bom-ref': `os:${id}`,
    name: id,
    ...(versionId !== undefined && { version: versionId }),
    ...(prettyName !== undefined && { description: prettyName }),
  };
}

function componentOf(each: Package, { layers }: SbomSubject): JsonObject {
  const { name, version, supplier, homepage, source, purl, foundIn } = each;
  const licenses = licensesOf(each.licences);
  return {
    type: 'library',
    'bom-ref': `${purl}#${packageKey(each)}`,
    ...(supplier !== undefined && { publisher: supplier }),
    name,
    version,
    ...(licenses.length > 0 && { licenses }),
    purl,
    ...(homepage !== undefined &&
      isWebAddress(homepage) && { externalReferences: [{ type: 'website', url: homepage }] }),
    properties: [
      { name: 'shale:found-in', value: `/${toText(foundIn)}` },
      ...(layers[each.layer] === undefined ? [] : [{ name: 'shale:layer-diff-id', value: layers[each.layer] }]),
      ...(source === undefined ? [] : [{ name: 'shale:source', value: `${source.name} ${source.version}` }]),
    ],
  };
}

/** Either one expression, or licences one by one; the schema allows no mixture. */
function licensesOf(declared: readonly string[]): JsonObject[] {
  const [only] = declared;
  const expression = only !== undefined && declared.length === 1 ? spdxExpression(only) : undefined;
  if (expression?.includes(' ') === true) return [{ expression }];
  return [...new Set(declared)].map((name) => {
    const id = spdxExpression(name);
    return { license: id === undefined || id.includes(' ') ? { name } : { id } };
  });
}

/** A UUID of version 8, which is free to come from anything (RFC 9562, section 5.8). */
function uuidOf(hex: string): string {
  const variant = ((Number.parseInt(hex.slice(16, 17), 16) & 0x3) | 0x8).toString(16);
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    `8${hex.slice(13, 16)}`,
    `${variant}${hex.slice(17, 20)}`,
    hex.slice(20, 32),
  ].join('-');
}
