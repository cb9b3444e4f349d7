/**
 * attest: documents that say something about an image, as bytes: what it holds (SBOM), how it was made (provenance), and
 * who vouches for it (signatures). Formats only: nothing here knows a store, a registry or a clock.
 *
 * Invariants:
 * - What is made is a function of what is given: the same build gives the same bytes.
 * - What is checked is checked against the digest that the caller asks about, and nothing counts that was not signed.
 */
export * from './artifact.ts';
export * from './bundle.ts';
export { cyclonedxDocument } from './cyclonedx.ts';
export * from './keys.ts';
export * from './predicate.ts';
export * from './provenance.ts';
export * from './sbom-subject.ts';
export * from './simple-signing.ts';
export { spdxDocument } from './spdx.ts';
export * from './statement.ts';
