import type { ContainerConfig } from '../../oci/index.ts';
import type { ContainerSetup } from './record.ts';

/**
 * The image's config with what the container was asked to be: what `inspect` shows, and what an image that is committed
 * from it begins with. As docker: options of `run` stay.
 */
export function containerConfigOf(
  { request, program, labels, exposedPorts }: ContainerSetup,
  image: ContainerConfig,
): ContainerConfig {
  const entrypoint = request.entrypoint ?? image.Entrypoint;
  const command =
    request.command.length > 0 ? request.command : request.entrypoint === undefined ? image.Cmd : undefined;
  const { Entrypoint: _entrypoint, Cmd: _command, ...rest } = image;
  return {
    ...rest,
    ...(entrypoint !== undefined && entrypoint.length > 0 && { Entrypoint: entrypoint }),
    ...(command !== undefined && { Cmd: command }),
    ...(program.env.length > 0 && { Env: program.env }),
    ...(program.user !== '' && { User: program.user }),
    ...((request.workingDirectory ?? image.WorkingDir) !== undefined && { WorkingDir: program.workingDirectory }),
    ...(Object.keys(labels).length > 0 && { Labels: labels }),
    ...(exposedPorts.length > 0 && { ExposedPorts: exposedPorts }),
    ...(request.stopSignal !== undefined && { StopSignal: request.stopSignal }),
  };
}
