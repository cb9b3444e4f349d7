import { randomUUID } from 'node:crypto';
import { resolve } from 'node:path';
import {
  linksOf,
  loadDefinition,
  printable,
  resolvePlan,
  type BakePlan,
  type Definition,
  type Fields,
} from '../../bake/index.ts';
import { isShaleError } from '../../base/index.ts';
import type { BakeTarget } from '../../engine/index.ts';
import { formatPlatform, hostPlatform } from '../../oci/index.ts';
import type { Command, ParsedArguments } from '../command.ts';
import { allFlags } from '../common-flags.ts';
import { PROGRESS_CHOICES } from '../config/settings.ts';
import type { Context } from '../context.ts';
import { EXIT } from '../exit-codes.ts';
import { displayLine } from '../output/text-width.ts';
import { parseFlags } from '../parse-flags.ts';
import { attestWord } from '../options/attestations.ts';
import { isAddress } from '../options/contexts.ts';
import { openProgress } from '../progress/open.ts';
import { UsageError } from '../usage-error.ts';
import { composeEnvironment, readBakeFiles } from './bake-files.ts';
import { formatBakeList } from './bake-list.ts';
import { refuseUnallowed } from './bake-rights.ts';
import { targetWords } from './bake-words.ts';
import { ATTEST_STYLE_FLAG } from './build-attest-flags.ts';
import { answerCall, CALL_FLAGS, callOf, type Call } from './build-call.ts';
import { formatMetadata, requireResultFolders, writeResultFile } from './build-output-flags.ts';
import { buildRequest, command as buildCommand } from './build.ts';
import { openProgressWithShell } from './failed-step.ts';
import { formatWhy } from './why.ts';

export const command: Command = {
  usage: '[OPTIONS] [ADDRESS [CONTEXT]] [TARGET …]',
  description:
    'Builds the targets and groups that bake files define, "default" when none is named. What several of them need is done once, what does not depend on each other goes on at the same time, and each leaves a build of its own in "shale builds ls". Without -f, those of compose.yaml, compose.yml, docker-compose.yml, docker-compose.yaml, docker-bake.json, docker-bake.hcl, docker-bake.override.json and docker-bake.override.hcl are read that are there; later ones count before earlier ones. An address of a git repository, or of a file or archive of the web, says where the bake files are fetched from; paths of contexts are folders there then, and "cwd://PATH" is one here. Such a definition may touch files below the folder where the command was started, and others with "--allow". Targets with their ids are printed at the end.',
  flags: [
    {
      kind: 'list',
      name: 'file',
      short: 'f',
      value: 'FILE',
      summary: 'a bake file: HCL, JSON, or compose by its ending; "-" for standard input',
    },
    {
      kind: 'list',
      name: 'set',
      value: 'TARGET.FIELD=VALUE',
      summary: 'set a field of targets; the name may have "*", and "+=" adds to a list',
    },
    { kind: 'boolean', name: 'print', summary: 'print what would be built as JSON, and build nothing' },
    {
      kind: 'text',
      name: 'list',
      value: 'targets|variables',
      summary: 'list what the files define; type=targets,format=json prints JSON',
    },
    {
      kind: 'list',
      name: 'allow',
      value: 'RIGHT',
      summary:
        'let targets have rights that they ask for: entitlements; of a fetched definition ssh, fs.read=PATH, fs.write=PATH',
    },
    { kind: 'boolean', name: 'no-cache', summary: 'run every step again' },
    { kind: 'boolean', name: 'pull', summary: 'ask the registry for newer base images' },
    { kind: 'boolean', name: 'push', summary: 'push what is built' },
    ...CALL_FLAGS,
    {
      kind: 'text',
      name: 'on-error',
      value: 'shell',
      choices: ['shell'],
      summary: 'look into a step that fails: before and after its command',
    },
    { kind: 'boolean', name: 'explain', summary: 'say afterwards why each step ran or was cached' },
    { kind: 'text', name: 'metadata-file', value: 'FILE', summary: 'write what was made to a file, as JSON by target' },
    { kind: 'text', name: 'progress', value: 'KIND', choices: PROGRESS_CHOICES, summary: 'how progress is shown' },
    { kind: 'boolean', name: 'load', default: true, summary: 'changes nothing: images are in the store anyway' },
    { kind: 'text', name: 'provenance', value: 'BOOL|mode=MODE', summary: 'for every target: say how it was made' },
    {
      kind: 'text',
      name: 'sbom',
      value: 'BOOL|format=FORMAT',
      summary: 'for every target: say what packages are in it',
    },
    ATTEST_STYLE_FLAG,
  ],
  refused: [{ name: 'builder', why: 'there is one builder' }],
  args: { min: 0, max: Infinity },
  examples: [
    { command: 'shale bake', says: 'build the group or target "default"' },
    { command: 'shale bake --print app', says: 'see what "app" comes to' },
    {
      command: 'shale bake -f docker-bake.hcl -f ci.hcl --set "*.platform=linux/amd64" release',
      says: 'two files, with an override',
    },
    { command: 'shale bake https://github.com/docker/cli.git#v28.5.0 --print', says: 'a definition of a repository' },
    { command: 'TAG=1.2 shale bake', says: 'variables come from the environment' },
  ],
  run,
};

/** What the words of the command line name. */
interface Named {
  /** Where the bake files are fetched from. */
  readonly origin: string | undefined;
  /** What BAKE_CMD_CONTEXT is. */
  readonly commandContext: string;
  /** Targets and groups. */
  readonly names: readonly string[];
}

/** Up to two addresses come first, as with docker buildx: that of the definition, and that of its command's context. */
function namedIn(args: readonly string[]): Named {
  const addresses = args.slice(0, isAddress(args[0] ?? '') ? 2 : 0).filter(isAddress);
  const [origin, commandContext = 'cwd://'] = addresses;
  return { origin, commandContext, names: args.slice(addresses.length) };
}

async function run(context: Context, parsed: ParsedArguments): Promise<number | void> {
  const { flags } = parsed;
  const named = namedIn(parsed.args);
  const definition = await readDefinition(context, flags.list('file'), named);
  for (const warning of definition.warnings) await context.stderr.write(`WARN: ${displayLine(warning)}\n`);
  const list = flags.text('list');
  if (list !== undefined) return context.stdout.write(formatBakeList(definition, list));
  const plan = planOf(context, definition, { flags, args: named.names });
  if (flags.boolean('print')) return context.stdout.write(`${JSON.stringify(printable(plan), null, 2)}\n`);
  const targets = await readTargets(context, plan, { ...parsed, origin: named.origin });
  const asked = callOf(flags);
  const calls = targets.flatMap(({ call = asked, ...target }) => (call === undefined ? [] : [{ ...target, call }]));
  if (calls.length > 0) return answerCalls(context, calls);
  return buildTargets(context, plan, targets, parsed);
}

/** What the files define, once the environment has had its say. @throws BAKE_INVALID, USAGE, and what fetching throws */
async function readDefinition(
  context: Context,
  files: readonly string[],
  { origin, commandContext }: Named,
): Promise<Definition> {
  return loadDefinition(await readBakeFiles(context, files, origin), {
    environment: context.env,
    composeEnvironment: composeEnvironment(context),
    given: { BAKE_CMD_CONTEXT: commandContext, BAKE_LOCAL_PLATFORM: formatPlatform(hostPlatform()) },
    now: context.now,
    uuid: randomUUID,
  });
}

function planOf(
  context: Context,
  definition: Definition,
  { flags, args }: Pick<ParsedArguments, 'flags' | 'args'>,
): BakePlan {
  const switches = (['no-cache', 'pull'] as const).filter((name) => flags.boolean(name));
  const attested = (['provenance', 'sbom'] as const).flatMap((kind) => {
    const value = flags.text(kind);
    return value === undefined ? [] : [`*.attest=${attestWord(kind, value)}`];
  });
  const overrides = [...flags.list('set'), ...switches.map((name) => `*.${name}=true`), ...attested];
  return resolvePlan(definition, { names: args, overrides, environment: context.env });
}

interface Baking extends ParsedArguments {
  readonly origin: string | undefined;
}

interface ReadTarget extends BakeTarget {
  /** What the target asks about instead of being built. */
  readonly call?: Call;
}

/** Every target as a request, by the flags of `shale build`. @throws USAGE that names the target */
async function readTargets(context: Context, plan: BakePlan, parsed: Baking): Promise<ReadTarget[]> {
  const { settings } = await context.config();
  return Array.from(plan.targets, ([name, fields]) => {
    try {
      const wish = { name, fields, isWanted: plan.wanted.includes(name) };
      const target = readTarget(context, wish, parsed, settings.networkDefault);
      const allowed = parsed.flags.list('allow');
      refuseUnallowed(fields, target.request, { allowed, cwd: context.cwd, isForeign: parsed.origin !== undefined });
      return target;
    } catch (error) {
      if (!isShaleError(error, 'USAGE')) throw error;
      throw new UsageError(`target ${name}: ${error.message}`, error.hint);
    }
  });
}

interface Wish {
  readonly name: string;
  readonly fields: Fields;
  /** False for a target that only others link to. */
  readonly isWanted: boolean;
}

function readTarget(
  context: Context,
  { name, fields, isWanted }: Wish,
  { flags, origin }: Baking,
  network: Parameters<typeof buildRequest>[2],
): ReadTarget {
  const { words, inlineDockerfile, dockerfileHere } = targetWords(fields, origin);
  const push = flags.boolean('push') && isWanted ? ['--push'] : [];
  const style = flags.given('attest-style') ? [`--attest-style=${flags.text('attest-style')}`] : [];
  const asked = parseFlags([...push, ...style, ...words], {
    flags: allFlags(buildCommand),
    refused: buildCommand.refused ?? [],
    optionsFirst: false,
  });
  const { dockerfile, ...request } = buildRequest(context, asked, network);
  const inline =
    inlineDockerfile === undefined ? undefined : ({ kind: 'stream', bytes: textBytes(inlineDockerfile) } as const);
  const here =
    dockerfileHere === undefined ? undefined : ({ kind: 'file', path: resolve(context.cwd, dockerfileHere) } as const);
  const chosen = inline ?? here ?? dockerfile;
  const call = callOf(asked.flags);
  return {
    name,
    request: {
      ...request,
      ...(chosen !== undefined && { dockerfile: chosen }),
      ...(linksOf(fields).length > 0 && { buildContexts: { ...request.buildContexts, ...linkedContexts(fields) } }),
    },
    ...(call !== undefined && { call }),
  };
}

/** Contexts that are other targets. */
function linkedContexts(fields: Fields): NonNullable<BakeTarget['request']['buildContexts']> {
  const contexts = [...(fields.get('map', 'contexts') ?? [])].filter(
    ([, value]) => value?.startsWith('target:') === true,
  );
  return Object.fromEntries(
    contexts.map(([name, value]) => [name, { kind: 'target', target: (value ?? '').slice('target:'.length) }]),
  );
}

async function* textBytes(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function answerCalls(
  context: Context,
  targets: readonly (BakeTarget & { readonly call: Call })[],
): Promise<number> {
  let status: number = EXIT.success;
  for (const { name, request, call } of targets) {
    if (call.format === 'text') await context.stdout.write(`${name}:\n`);
    status = Math.max(status, await answerCall(context, request, call));
  }
  return status;
}

async function buildTargets(
  context: Context,
  plan: BakePlan,
  targets: readonly BakeTarget[],
  { flags }: ParsedArguments,
): Promise<void> {
  requireResultFolders(context, flags, ['metadata-file']);
  const { settings } = await context.config();
  const open = flags.text('on-error') === 'shell' ? openProgressWithShell : openProgress;
  await using progress = open(context, flags.text('progress') ?? settings.progress);
  const engine = await context.engine();
  const outcomes = await engine.bake(targets, progress.watch);
  await progress.close();
  if (flags.boolean('explain')) {
    for (const { name, buildId } of outcomes)
      await context.stderr.write(`target ${name}: ${formatWhy(await engine.why({ build: buildId }))}`);
  }
  const file = flags.text('metadata-file');
  if (file !== undefined) {
    const metadata = Object.fromEntries(outcomes.map(({ name, metadata: about }) => [name, about]));
    writeResultFile(resolve(context.cwd, file), formatMetadata(metadata), 'the metadata');
  }
  const wanted = outcomes.filter(({ name }) => plan.wanted.includes(name));
  await context.stdout.write(wanted.map(({ name, imageId }) => `${name} ${imageId}\n`).join(''));
}
