import type { AttestationRequest } from '../../engine/index.ts';
import { UsageError } from '../usage-error.ts';
import { Attributes } from './attributes.ts';

const KINDS = ['provenance', 'sbom'] as const;
type Kind = (typeof KINDS)[number];

/**
 * `--attest type=provenance|sbom,…`, and `--provenance` and `--sbom`, which take true, false or the same attributes
 * without the type. Each kind is asked for once.
 * @throws USAGE
 */
export function parseAttestations(words: {
  readonly attest: readonly string[];
  readonly provenance: string | undefined;
  readonly sbom: string | undefined;
}): AttestationRequest[] {
  const asked = [
    ...words.attest,
    ...KINDS.flatMap((kind) => {
      const value = words[kind];
      return value === undefined ? [] : [attestWord(kind, value)];
    }),
  ].map((word): [Kind, Attributes] => {
    const attributes = new Attributes('attest', word);
    return [kindOf(attributes), attributes];
  });
  const twice = KINDS.find((kind) => asked.filter(([one]) => one === kind).length > 1);
  if (twice !== undefined) throw new UsageError(`--attest: ${twice} is asked for twice`);
  return asked.flatMap(([kind, attributes]) => {
    const request = kind === 'provenance' ? provenanceOf(attributes) : sbomOf(attributes);
    attributes.refuseOthers();
    return request === undefined ? [] : [request];
  });
}

/** What `--provenance` or `--sbom` asks for, as `--attest` takes it. */
export function attestWord(kind: Kind, value: string): string {
  if (/^(?:1|t|true)$/i.test(value)) return `type=${kind},disabled=false`;
  if (/^(?:0|f|false)$/i.test(value)) return `type=${kind},disabled=true`;
  return value === '' ? `type=${kind}` : `type=${kind},${value}`;
}

function kindOf(attributes: Attributes): Kind {
  const kind = attributes.choice('type', KINDS);
  if (kind === undefined) throw attributes.invalid('type= is missing', 'type=provenance or type=sbom');
  return kind;
}

/** BuildKit's own default for what is asked for is `max`, and `full` its older word for it. */
function provenanceOf(attributes: Attributes): AttestationRequest | undefined {
  const isOff = attributes.boolean('disabled') === true;
  const mode = attributes.choice('mode', ['min', 'max', 'full']);
  const builderId = attributes.text('builder-id');
  if (attributes.choice('version', ['v1', 'v0.2']) === 'v0.2')
    throw attributes.invalid('version=v0.2: shale writes version 1 of SLSA provenance');
  if (isOff) return undefined;
  return {
    kind: 'provenance',
    mode: mode === 'min' ? 'min' : 'max',
    ...(builderId !== undefined && builderId !== '' && { builderId }),
  };
}

function sbomOf(attributes: Attributes): AttestationRequest | undefined {
  const isOff = attributes.boolean('disabled') === true;
  if (attributes.text('generator') !== undefined)
    throw attributes.invalid('generator=: shale lists packages itself and runs no image for it', 'format=spdx');
  const format = attributes.choice('format', ['spdx', 'cyclonedx']) ?? 'spdx';
  return isOff ? undefined : { kind: 'sbom', format };
}
