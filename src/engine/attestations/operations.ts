import { randomBytes } from 'node:crypto';
import type { EngineContext } from '../context.ts';
import { keeping } from '../keeping.ts';
import type { AttestationOperations } from './types.ts';

/** Each part is loaded when it is first asked for. */
export function attestationOperations(context: EngineContext): AttestationOperations {
  const kept = keeping(context);
  return {
    attestations: async (request, watch) => (await import('./read.ts')).attestations(context, request, watch),
    sign: kept(async (request, watch) => (await import('./sign.ts')).signImage(context, request, watch)),
    attest: kept(async (request, watch) => (await import('./sign.ts')).attestImage(context, request, watch)),
    verify: kept(async (request, watch) => (await import('./verify.ts')).verifyImage(context, request, watch)),
    generateKeyPair: async (password) => (await import('../../attest/index.ts')).generateKeyPair(password, randomBytes),
    sbom: kept(async (request, watch) => (await import('./sbom.ts')).sbom(context, request, watch)),
  };
}
