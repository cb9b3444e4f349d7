import { ShaleError } from '../base/index.ts';
import { parseDockerfile, toGraph } from '../dockerfile/index.ts';
import { hostPlatform, type ContainerConfig } from '../oci/index.ts';

/** Instructions that change what an image says of itself, and nothing in its files (docker commit --change). */
const ALLOWED = new Set([
  'CMD',
  'ENTRYPOINT',
  'ENV',
  'EXPOSE',
  'HEALTHCHECK',
  'LABEL',
  'ONBUILD',
  'SHELL',
  'STOPSIGNAL',
  'USER',
  'VOLUME',
  'WORKDIR',
]);

/**
 * Applies Dockerfile instructions to a container config, as `commit -c` and `import -c` do. They mean what they mean in a
 * Dockerfile whose base has this config.
 * @throws CHANGE_INVALID, and what planning a Dockerfile throws
 */
export async function applyChanges(config: ContainerConfig, changes: readonly string[]): Promise<ContainerConfig> {
  if (changes.length === 0) return config;
  for (const change of changes) {
    const word = /^\s*([A-Za-z]+)/.exec(change)?.[1]?.toUpperCase() ?? '';
    if (!ALLOWED.has(word) || /[\r\n]/.test(change)) {
      throw new ShaleError('CHANGE_INVALID', `${JSON.stringify(change)} cannot be a change`, {
        hint: `one instruction of ${[...ALLOWED].join(', ')}`,
      });
    }
  }
  const platform = hostPlatform();
  const plan = await toGraph({
    dockerfile: parseDockerfile(`FROM localhost/config\n${changes.join('\n')}\n`, '--change'),
    platform,
    resolveImageConfig: async () => ({ config: { ...platform, config, diffIds: [], history: [] } }),
  });
  // Only a build says that a command is ready to be run as it is; docker's import and commit leave the mark as it was.
  const { ArgsEscaped: _mark, ...changed } = plan.config.config;
  return config.ArgsEscaped === undefined ? changed : { ...changed, ArgsEscaped: config.ArgsEscaped };
}
