import { ShaleError } from '../base/index.ts';
import type { RuntimeHost } from './host.ts';
import { runProgram } from './program.ts';
import type { RuntimeCommand } from './types.ts';

const VERSION_TIMEOUT_MS = 5000;

/** Since which releases a fix is in; the first entry that has the same major and minor version decides. */
const FIXES: readonly { readonly cve: string; readonly runc: readonly string[] }[] = [
  { cve: 'CVE-2024-45310', runc: ['1.1.14', '1.2.0'] },
  { cve: 'CVE-2025-31133', runc: ['1.2.8', '1.3.3', '1.4.0'] },
  { cve: 'CVE-2025-52565', runc: ['1.2.8', '1.3.3', '1.4.0'] },
  { cve: 'CVE-2025-52881', runc: ['1.2.8', '1.3.3', '1.4.0'] },
  { cve: 'CVE-2026-41579', runc: ['1.3.6', '1.4.3', '1.5.0'] },
];

/**
 * Asks the runtime for its version, and lists the CVEs that this version is known not to fix (shale's own checks cover
 * what an image can do with them; a container that shares a volume with another one is not covered).
 * @throws RUNTIME_MISSING, RUNTIME_FAILED.
 */
export async function probeRuntime(host: RuntimeHost, command: string): Promise<RuntimeCommand> {
  const { output } = await runProgram(host, {
    command,
    args: ['--version'],
    timeoutMs: VERSION_TIMEOUT_MS,
    missingCode: 'RUNTIME_MISSING',
    hint: 'install it: apt-get install runc',
  });
  const match = /^(runc|crun) version (\d+\.\d+(?:\.\d+)?)/m.exec(output);
  if (match === null) {
    const shown = output.slice(0, 200).trim();
    throw new ShaleError('RUNTIME_FAILED', `${command} --version does not say a version: ${shown}`, {
      data: { command },
    });
  }
  const kind = match[1] === 'crun' ? 'crun' : 'runc';
  const version = match[2] ?? '';
  return { kind, path: command, version, unfixed: kind === 'runc' ? unfixedIn(version) : [] };
}

/** The CVEs that runc of this version is known to lack the fix for. */
export function unfixedIn(version: string): string[] {
  return FIXES.filter(({ runc }) => !runc.some((fixed) => hasFix(version, fixed, runc))).map(({ cve }) => cve);
}

function hasFix(version: string, fixed: string, all: readonly string[]): boolean {
  const [have, want] = [numbers(version), numbers(fixed)];
  const newest = fixed === all.at(-1);
  if (have[0] === want[0] && have[1] === want[1]) return (have[2] ?? 0) >= (want[2] ?? 0);
  return newest && ((have[0] ?? 0) > (want[0] ?? 0) || (have[0] === want[0] && (have[1] ?? 0) > (want[1] ?? 0)));
}

function numbers(version: string): number[] {
  return version.split('.').map(Number);
}
