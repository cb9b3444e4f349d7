import { ShaleError } from '../../base/index.ts';
import { detectSyntax } from '../syntax/directives.ts';
import type { Dockerfile } from '../syntax/dockerfile.ts';
import { buildArg, type BuildArgs } from './arguments.ts';

/** Docker's own frontend, in any version, from Docker Hub or from a mirror of it. */
const OWN = /^(?:[^/@]+(?:\/[^/@]+)*\/)?docker\/dockerfile(?:-upstream)?(?::[^/@]*)?(?:@.*)?$/;

/**
 * Refuses a file that another frontend image is to read: in `# syntax=`, or in the build argument BUILDKIT_SYNTAX, which
 * wins. Docker's own is accepted, as shale reads that language itself.
 * @throws FRONTEND_FOREIGN
 */
export function refuseForeignFrontend(dockerfile: Dockerfile, buildArgs: BuildArgs = {}): void {
  const given = buildArg(buildArgs, 'BUILDKIT_SYNTAX');
  const frontend = given ?? detectSyntax(dockerfile.source.text);
  if (frontend === undefined || frontend === '' || OWN.test(frontend)) return;
  const file = dockerfile.source.name;
  const place = given === undefined ? file : 'the build argument BUILDKIT_SYNTAX';
  throw new ShaleError('FRONTEND_FOREIGN', `${place} asks for the frontend ${frontend}, and shale runs none`, {
    data: { file, frontend },
    hint: 'without it shale reads the file itself, as docker/dockerfile:1 does',
  });
}
