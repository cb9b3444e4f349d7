import type { BuildPlan, PlannedStage } from '../../dockerfile/index.ts';

/**
 * The stages whose packages an SBOM lists beside those of the image: where `BUILDKIT_SBOM_SCAN_STAGE` is `true`, or a list
 * with the stage's name. The target is among them only as the image.
 */
export function scannedStages({ stages, result }: Pick<BuildPlan, 'stages' | 'result'>): readonly PlannedStage[] {
  return stages.filter(({ name, rootfs, builderArgs }) => {
    const value = builderArgs['BUILDKIT_SBOM_SCAN_STAGE'];
    if (value === undefined || rootfs === undefined || rootfs === result) return false;
    return isTrue(value) || value.split(',').some((one) => name !== '' && one.trim() === name);
  });
}

/** Whether the packages of the build context are asked for. */
export function wantsContextScan({ stages }: Pick<BuildPlan, 'stages'>): boolean {
  return stages.some(({ builderArgs }) => isTrue(builderArgs['BUILDKIT_SBOM_SCAN_CONTEXT'] ?? ''));
}

/** As Go reads booleans. */
function isTrue(value: string): boolean {
  return /^(?:1|t|true)$/i.test(value);
}
