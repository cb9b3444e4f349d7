import { insertion } from './fix.ts';
import { canPin, namedPackages, type PackageCall } from './packages.ts';
import type { Pin } from './pin.ts';
import type { LintFound } from './rule.ts';

/**
 * The packages of a call that have no version. `kind` says who knows the versions, and `mark` what stands between name and
 * version; without them the finding is told only.
 */
export function* unpinned(
  call: PackageCall,
  kind: Pin['kind'] | undefined,
  isFixed: (text: string) => boolean,
  mark = '=',
): Iterable<LintFound> {
  for (const field of namedPackages(call)) {
    if (isFixed(field.text)) continue;
    const base = call.step.stage?.rootImage ?? '';
    const edit = (version: string) => insertion(field.end, `${mark}${version}`);
    const pin = kind === undefined || !canPin(field) ? {} : { pin: { kind, name: field.text, base, edit } };
    yield { message: `${field.text} has no version: the newest one is installed`, span: field, ...pin };
  }
}
