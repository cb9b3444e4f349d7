import type { EngineContext } from '../context.ts';
import type { AttestationOperations } from './types.ts';

/** Each part is loaded when it is first asked for. */
export function attestationOperations(context: EngineContext): AttestationOperations {
  return {
    attestations: async (request, watch) => (await import('./read.ts')).attestations(context, request, watch),
    sbom: async (request, watch) => (await import('./sbom.ts')).sbom(context, request, watch),
  };
}
