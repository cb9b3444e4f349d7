import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { messageOf } from '../base/index.ts';
import { openMountHost } from '../mounts/index.ts';

/** Tries whether layers can be mounted from a store as they are. Never throws. */
export async function probeLayerMounts(
  home: string,
  runRoot: string,
): Promise<{ readonly works: boolean; readonly why?: string }> {
  const mountDir = join(runRoot, 'mounts', `probe-${process.pid}`);
  try {
    const probeDir = join(home, 'index');
    mkdirSync(probeDir, { recursive: true, mode: 0o700 });
    await using host = await openMountHost({ mountDir, probeDir });
    return host.driver === 'erofs' ? { works: true } : { works: false, why: host.driverReason ?? 'the kernel refuses' };
  } catch (error) {
    return { works: false, why: messageOf(error) };
  } finally {
    rmSync(mountDir, { recursive: true, force: true });
  }
}
