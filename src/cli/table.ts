import type { Alias, CommandGroup, CommandRow } from './command.ts';

/**
 * Every command. Parser, help, completion, `docs/cli/` and the suggestions for mistyped words are made from this
 * table. A row is cheap; a command's flags and code are loaded when it is called.
 */
export const COMMANDS: readonly CommandRow[] = [
  row('build', 'build', 'build an image from a Dockerfile', () => import('./commands/build.ts'), [
    'image build',
    'builder build',
    'buildx build',
  ]),
  row(
    'dockerfile parse',
    'build',
    'print what a Dockerfile says, as JSON',
    () => import('./commands/dockerfile-parse.ts'),
  ),
  row('bake', 'build', 'build the targets of bake and compose files', () => import('./commands/bake.ts'), [
    'buildx bake',
    'buildx f',
  ]),
  row('lint', 'build', 'find what is wrong with Dockerfiles, and mend it', () => import('./commands/lint.ts')),
  row(
    'transpile',
    'build',
    'write an extended Dockerfile in the plain language',
    () => import('./commands/transpile.ts'),
  ),
  row('verify', 'build', 'build an image again elsewhere, and compare', () => import('./commands/verify.ts')),
  row('lock', 'build', 'write down what a build takes from outside', () => import('./commands/lock.ts')),
  row('lock update', 'build', 'write a lock file anew', () => import('./commands/lock-update.ts')),
  row('lock diff', 'build', 'compare lock files', () => import('./commands/lock-diff.ts')),
  row('lock vendor', 'build', 'write all that a lock file names to a place', () => import('./commands/lock-vendor.ts')),
  row(
    'lock fetch',
    'build',
    'bring all that a lock file names into the store',
    () => import('./commands/lock-fetch.ts'),
  ),
  row('why', 'build', 'say why each step of a build ran or came from the cache', () => import('./commands/why.ts')),
  row('builds ls', 'build', 'list builds', () => import('./commands/builds-ls.ts'), [
    'builds list',
    'buildx history ls',
    'builder history ls',
  ]),
  row('builds show', 'build', 'show everything about a build', () => import('./commands/builds-show.ts'), [
    'builds inspect',
    'buildx history inspect',
    'builder history inspect',
  ]),
  row('builds logs', 'build', 'show and search what steps have printed', () => import('./commands/builds-logs.ts'), [
    'buildx history logs',
    'builder history logs',
  ]),
  row('builds rm', 'build', 'remove builds with their logs', () => import('./commands/builds-rm.ts'), [
    'builds remove',
    'buildx history rm',
    'builder history rm',
  ]),
  row('builds prune', 'build', 'remove old builds with their logs', () => import('./commands/builds-prune.ts')),
  row('cache ls', 'build', 'list what the build cache holds', () => import('./commands/cache-ls.ts'), ['cache list']),
  row('cache df', 'build', 'show what the build cache takes', () => import('./commands/cache-df.ts')),
  row('cache rm', 'build', 'remove parts of the build cache', () => import('./commands/cache-rm.ts'), ['cache remove']),
  row(
    'cache prune',
    'build',
    'remove what is worth least in the build cache',
    () => import('./commands/cache-prune.ts'),
  ),
  row(
    'cache export',
    'build',
    'write cache mounts to a folder, an archive or a registry',
    () => import('./commands/cache-export.ts'),
  ),
  row('cache import', 'build', 'read cache mounts that were exported', () => import('./commands/cache-import.ts')),
  row('base alpine', 'build', 'make an Alpine base image from its packages', () => import('./commands/base-alpine.ts')),
  row(
    'base advise',
    'build',
    'name smaller bases that would do for an image',
    () => import('./commands/base-advise.ts'),
  ),
  row('base compare', 'build', 'compare two images as bases', () => import('./commands/base-compare.ts')),
  row('base debian', 'build', 'make a Debian base image from its packages', () => import('./commands/base-debian.ts')),

  row('run', 'containers', 'run a command in a new container', () => import('./commands/run.ts'), ['container run']),
  row('exec', 'containers', 'run a command in a running container', () => import('./commands/exec.ts'), [
    'container exec',
  ]),
  row('ps', 'containers', 'list containers', () => import('./commands/ps.ts'), [
    'container ls',
    'container list',
    'container ps',
  ]),
  row('logs', 'containers', 'show what a container has printed', () => import('./commands/logs.ts'), [
    'container logs',
  ]),
  row('stop', 'containers', 'stop running containers', () => import('./commands/stop.ts'), ['container stop']),
  row('rm', 'containers', 'remove containers', () => import('./commands/rm.ts'), ['container rm', 'container remove']),
  row('commit', 'containers', 'make an image of what a container changed', () => import('./commands/commit.ts'), [
    'container commit',
  ]),
  row('diff', 'containers', 'list what a container changed, or compare images', () => import('./commands/diff.ts'), [
    { name: 'container diff', implies: ['--type=container'] },
    { name: 'image diff', implies: ['--type=image'] },
  ]),
  row('create', 'containers', 'make a container without starting it', () => import('./commands/create.ts'), [
    'container create',
  ]),
  row('start', 'containers', 'start containers that do not run', () => import('./commands/start.ts'), [
    'container start',
  ]),
  row('restart', 'containers', 'stop containers and start them again', () => import('./commands/restart.ts'), [
    'container restart',
  ]),
  row('kill', 'containers', 'send a signal to containers', () => import('./commands/kill.ts'), ['container kill']),
  row('pause', 'containers', 'freeze all processes of containers', () => import('./commands/pause.ts'), [
    'container pause',
  ]),
  row('unpause', 'containers', 'let the processes of containers go on', () => import('./commands/unpause.ts'), [
    'container unpause',
  ]),
  row('wait', 'containers', 'wait until containers have ended', () => import('./commands/wait.ts'), ['container wait']),
  row('rename', 'containers', 'give a container another name', () => import('./commands/rename.ts'), [
    'container rename',
  ]),
  row('update', 'containers', 'change how containers are kept', () => import('./commands/update.ts'), [
    'container update',
  ]),
  row('attach', 'containers', 'connect to the streams of a running container', () => import('./commands/attach.ts'), [
    'container attach',
  ]),
  row('top', 'containers', 'list the processes of a container', () => import('./commands/top.ts'), ['container top']),
  row('stats', 'containers', 'show what containers use', () => import('./commands/stats.ts'), ['container stats']),
  row('port', 'containers', 'show where ports of a container are reached', () => import('./commands/port.ts'), [
    'container port',
  ]),
  row('cp', 'containers', 'copy files between a container and this machine', () => import('./commands/cp.ts'), [
    'container cp',
  ]),
  row(
    'unshare',
    'containers',
    'run a program where containers without root run',
    () => import('./commands/unshare.ts'),
  ),
  row('export', 'containers', 'write the file system of a container to a tar', () => import('./commands/export.ts'), [
    'container export',
  ]),

  row('volume create', 'volumes', 'make a volume', () => import('./commands/volume-create.ts')),
  row('volume ls', 'volumes', 'list volumes', () => import('./commands/volume-ls.ts'), ['volume list']),
  row('volume inspect', 'volumes', 'show everything about volumes', () => import('./commands/volume-inspect.ts')),
  row('volume rm', 'volumes', 'remove volumes', () => import('./commands/volume-rm.ts'), ['volume remove']),
  row('volume prune', 'volumes', 'remove volumes that nothing uses', () => import('./commands/volume-prune.ts')),

  row('network create', 'networks', 'make a network', () => import('./commands/network-create.ts')),
  row('network ls', 'networks', 'list networks', () => import('./commands/network-ls.ts'), ['network list']),
  row('network inspect', 'networks', 'show everything about networks', () => import('./commands/network-inspect.ts')),
  row('network rm', 'networks', 'remove networks', () => import('./commands/network-rm.ts'), ['network remove']),
  row('network prune', 'networks', 'remove networks that nothing uses', () => import('./commands/network-prune.ts')),
  row('network connect', 'networks', 'put a container on a network', () => import('./commands/network-connect.ts')),
  row(
    'network disconnect',
    'networks',
    'take a container off a network',
    () => import('./commands/network-disconnect.ts'),
  ),

  row('images', 'images', 'list images', () => import('./commands/images.ts'), ['image ls', 'image list']),
  row(
    'explore',
    'images',
    'look into an image: what is where, why, and what is waste',
    () => import('./commands/explore.ts'),
  ),
  row('pull', 'images', 'fetch an image from a registry', () => import('./commands/pull.ts'), ['image pull']),
  row('push', 'images', 'send an image to a registry', () => import('./commands/push.ts'), ['image push']),
  row('copy', 'images', 'copy an image from one place to another, as it is', () => import('./commands/copy.ts')),
  row('search', 'images', 'look for images in a registry', () => import('./commands/search.ts')),
  row('registry tags', 'images', 'list the tags of a repository', () => import('./commands/registry-tags.ts'), [
    'tags',
  ]),
  row(
    'registry repositories',
    'images',
    'list the repositories of a registry',
    () => import('./commands/registry-repositories.ts'),
  ),
  row('registry delete', 'images', 'delete images in a registry', () => import('./commands/registry-delete.ts')),
  row(
    'registry referrers',
    'images',
    'list what refers to an image of a registry',
    () => import('./commands/registry-referrers.ts'),
  ),
  row('serve registry', 'images', 'serve the store as a registry', () => import('./commands/serve-registry.ts')),
  row(
    'manifest create',
    'images',
    'make one name for images of several platforms',
    () => import('./commands/manifest-create.ts'),
  ),
  row(
    'manifest annotate',
    'images',
    'say which platform an image of a list is for',
    () => import('./commands/manifest-annotate.ts'),
  ),
  row('manifest inspect', 'images', 'show a manifest or index', () => import('./commands/manifest-inspect.ts')),
  row('manifest push', 'images', 'send a list with its images', () => import('./commands/manifest-push.ts')),
  row('manifest rm', 'images', 'remove lists from the store', () => import('./commands/manifest-rm.ts')),
  row('login', 'images', 'log in to a registry', () => import('./commands/login.ts')),
  row('logout', 'images', 'forget the credentials of a registry', () => import('./commands/logout.ts')),
  row('tag', 'images', 'give an image another name', () => import('./commands/tag.ts'), ['image tag']),
  row('rmi', 'images', 'remove images', () => import('./commands/rmi.ts'), ['image rm', 'image remove']),
  row('history', 'images', 'list the steps that made an image', () => import('./commands/history.ts'), [
    'image history',
  ]),
  row(
    'image log',
    'images',
    'show where a tag led, and what was built from what',
    () => import('./commands/image-log.ts'),
  ),
  row('rebase', 'images', 'put an image onto another base without building', () => import('./commands/rebase.ts')),
  row('rollback', 'images', 'move a tag back to where it led before', () => import('./commands/rollback.ts')),
  row('attestations', 'images', 'show what is said about an image', () => import('./commands/attestations.ts'), [
    { name: 'provenance', implies: ['--type=provenance'] },
  ]),
  row('sbom', 'images', 'list the packages that an image holds', () => import('./commands/sbom.ts')),
  row('sign', 'images', 'sign an image in its registry', () => import('./commands/sign.ts')),
  row(
    'sign generate-key-pair',
    'images',
    'make a pair of keys to sign images with',
    () => import('./commands/sign-generate-key-pair.ts'),
    ['generate-key-pair'],
  ),
  row('verify-signature', 'images', 'check who signed an image', () => import('./commands/verify-signature.ts')),
  row('attest', 'images', 'sign a statement about an image', () => import('./commands/attest.ts')),
  row(
    'verify-attestation',
    'images',
    'check who signed a statement about an image',
    () => import('./commands/verify-attestation.ts'),
  ),
  row('inspect', 'images', 'show everything about what has a name or an id', () => import('./commands/inspect.ts'), [
    { name: 'image inspect', implies: ['--type=image'] },
    { name: 'container inspect', implies: ['--type=container'] },
  ]),
  row('save', 'images', 'write images to an archive', () => import('./commands/save.ts'), ['image save']),
  row('load', 'images', 'read images from an archive', () => import('./commands/load.ts'), ['image load']),
  row('import', 'images', 'make an image of a root file system in a tar', () => import('./commands/import.ts'), [
    'image import',
  ]),

  row('info', 'store', 'show what is in the store and what this machine is', () => import('./commands/info.ts'), [
    'system info',
  ]),
  row('events', 'store', 'show what happens to containers and images', () => import('./commands/events.ts'), [
    'system events',
  ]),
  row('system df', 'store', 'show what takes how much room', () => import('./commands/system-df.ts')),
  row('system check', 'store', 'check the store, and repair it', () => import('./commands/system-check.ts')),
  row('system prune', 'store', 'remove what nothing uses', () => import('./commands/system-prune.ts')),
  row('image prune', 'store', 'remove images that nothing uses', () => import('./commands/image-prune.ts')),
  row('container prune', 'store', 'remove stopped containers', () => import('./commands/container-prune.ts')),
  row('builder prune', 'store', 'remove build cache', () => import('./commands/builder-prune.ts'), ['buildx prune']),
  row('keeper', 'store', 'look after containers that restart or are checked', () => import('./commands/keeper.ts')),
  row('system reset', 'store', 'remove everything in the store', () => import('./commands/system-reset.ts')),

  row('doctor', 'help', 'say what this machine can do and what is missing', () => import('./commands/doctor.ts')),
  row('config', 'help', 'show the settings and where they come from', () => import('./commands/config.ts')),
  row('version', 'help', 'show the version', () => import('./commands/version.ts')),
  row('help', 'help', 'show help', () => import('./commands/help.ts')),
  row('completion', 'help', 'print completions for a shell', () => import('./commands/completion.ts')),
];

export const GROUP_TITLES: Readonly<Record<CommandGroup, string>> = {
  build: 'Build',
  containers: 'Containers',
  volumes: 'Volumes',
  networks: 'Networks',
  images: 'Images',
  store: 'Store',
  help: 'Help',
};

function row(
  name: string,
  group: CommandGroup,
  summary: string,
  load: CommandRow['load'],
  aliases: readonly (string | Alias)[] = [],
): CommandRow {
  return {
    name,
    group,
    summary,
    load,
    aliases: aliases.map((alias) => (typeof alias === 'string' ? { name: alias } : alias)),
  };
}
