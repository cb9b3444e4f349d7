import { type ByteString, toText } from '../../base/index.ts';
import { fileOwners, type Package, packageFiles, readInventory } from '../../packages/index.ts';
import type { EngineContext } from '../context.ts';
import { openImage, type OpenImage, sizeOf } from './base-facts.ts';
import type { BaseAdvice, BaseSuggestion } from './compare-types.ts';
import { type FoundProgram, ImagePrograms } from './programs.ts';
import { readSmallFile } from './small-file.ts';

/** Programs that mostly run what others wrote, which loads what it likes. */
const INTERPRETER =
  /\/(?:(?:ba|da|a|z|k)?sh|busybox|python[\d.]*|node(?:js)?|perl[\d.]*|ruby[\d.]*|php[\d.-]*|java|lua[\d.]*|dotnet)$/;
const CHAIN_MAX = 5;
const SCRIPT_LINE_BYTES_MAX = 256;
const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** What slim images leave out, but for copyright files. */
const DOCUMENTATION = /^usr\/share\/(?:doc\/(?!.*\/copyright$)|info\/|man\/|locale\/(?!locale\.alias$))/;

/**
 * `shale base advise IMAGE`: smaller bases that would do for what the image runs: its program, the programs that start it,
 * and the libraries of all of them. What else is run at times (by a shell, by scripts) cannot be known from the layers.
 * @throws IMAGE_NOT_FOUND, NAME_AMBIGUOUS, and what fetching a layer throws
 */
export async function adviseBase(context: EngineContext, name: string): Promise<BaseAdvice> {
  const image = await openImage(context, name);
  const sizeBytes = sizeOf(image.stack);
  const programs = new ImagePrograms(image.stack);
  const command = [...(image.config.config.Entrypoint ?? []), ...(image.config.config.Cmd ?? [])];
  const started = command.length === 0 ? undefined : startedBy(image, programs, command);
  const suggestions = [
    ...(started === undefined ? [] : forProgram(image, programs, started)),
    ...withoutDocumentation(image),
  ].filter(({ estimatedBytes }) => estimatedBytes < sizeBytes);
  return {
    image: name,
    ...(started !== undefined && { program: toText(started.path) }),
    sizeBytes,
    suggestions: suggestions.toSorted((a, b) => a.estimatedBytes - b.estimatedBytes),
    remarks: remarksOn(command, started, suggestions),
  };
}

/** What an image starts: scripts first, where there are some, and the program at the end of them. */
interface Started {
  readonly path: ByteString;
  readonly scripts: readonly ByteString[];
  readonly program: FoundProgram | undefined;
}

function startedBy(
  { config, stack }: OpenImage,
  programs: ImagePrograms,
  command: readonly string[],
): Started | undefined {
  const [word = ''] = command;
  const path = locate(programs, config.config.Env ?? [], word, (each) => readSmallFile(stack, each, 2) !== undefined);
  if (path === undefined) return undefined;
  const scripts: ByteString[] = [];
  let next: ByteString = path;
  for (let i = 0; i < CHAIN_MAX; i++) {
    const program = programs.at(next);
    if (program !== undefined) return { path, scripts, program };
    // execve(2): a script names its interpreter, which may get its name from env(1).
    const [, interpreter, argument] =
      /^#!\s*(\S+)(?:\s+(?:-S\s+)?(\S+))?/.exec(readSmallFile(stack, next, SCRIPT_LINE_BYTES_MAX) ?? '') ?? [];
    if (interpreter === undefined) break;
    scripts.push(next);
    const named: string = interpreter.endsWith('/env') && argument !== undefined ? argument : interpreter;
    const found = locate(
      programs,
      config.config.Env ?? [],
      named,
      (each) => readSmallFile(stack, each, 2) !== undefined,
    );
    if (found === undefined) break;
    next = found;
  }
  return { path, scripts, program: undefined };
}

function locate(
  programs: ImagePrograms,
  env: readonly string[],
  word: string,
  exists: (path: ByteString) => boolean,
): ByteString | undefined {
  if (word.includes('/')) return programs.at(word) !== undefined || exists(word) ? word : undefined;
  const search = env.find((each) => each.startsWith('PATH='))?.slice('PATH='.length) ?? DEFAULT_PATH;
  return search
    .split(':')
    .map((folder) => `${folder}/${word}`)
    .find((path) => programs.at(path) !== undefined || exists(path));
}

/** What holds just the program and its libraries. */
function forProgram(image: OpenImage, programs: ImagePrograms, { scripts, program }: Started): BaseSuggestion[] {
  if (program === undefined || scripts.length > 0 || INTERPRETER.test(program.path)) return [];
  const { stack } = image;
  const closure = closureOf(programs, program);
  const own = closure.reduce((sum, { path }) => sum + fileSize(image, path), 0);
  const certificates = 'programs that speak TLS need certificates: copy /etc/ssl/certs/ca-certificates.crt';
  if (program.elf.interpreter === undefined && closure.length === 1) {
    return [
      {
        base: 'scratch',
        estimatedBytes: own,
        reasons: [`${toText(program.path)} is static: it needs nothing but itself`],
        cautions: [certificates, 'there are no users, time zones and temporary folders, unless they are copied'],
      },
    ];
  }
  const { distribution, packages } = readInventory(stack);
  const owners = fileOwners(stack, packages);
  const needed = new Map<string, Package>();
  for (const { path } of closure) {
    const owner = owners.get(path.slice(1));
    if (owner !== undefined) needed.set(owner.name, owner);
  }
  const kind = distribution?.id === 'debian' ? 'debian' : distribution?.id === 'alpine' ? 'alpine' : undefined;
  if (kind === undefined || needed.size === 0) return [];
  const names = [...needed.keys()].toSorted();
  const packaged = [...needed.values()].reduce((sum, each) => sum + packageSize(image, each), 0);
  const unowned = closure
    .filter(({ path }) => !owners.has(path.slice(1)))
    .reduce((sum, { path }) => sum + fileSize(image, path), 0);
  const libraries = closure.length - 1;
  return [
    {
      base: `shale base ${kind} --packages ${names.join(',')}`,
      estimatedBytes: packaged + unowned,
      reasons: [
        `${toText(program.path)} needs ${libraries} ${libraries === 1 ? 'library' : 'libraries'}, of the packages ${names.join(', ')}`,
      ],
      cautions: [
        'there is no shell and no package manager: docker exec and RUN do not work in it',
        'libraries that are loaded while it runs, and data files, are not seen in the program: try it',
        certificates,
      ],
    },
  ];
}

/** A program with everything that is loaded to start it. */
function closureOf(programs: ImagePrograms, program: FoundProgram): FoundProgram[] {
  const found = new Map<ByteString, FoundProgram>([[program.path, program]]);
  const { interpreter } = program.elf;
  const loader = interpreter === undefined ? undefined : programs.at(interpreter);
  if (loader !== undefined) found.set(loader.path, loader);
  // A map is walked through what is added meanwhile, too.
  for (const each of found.values()) {
    for (const name of each.elf.needed) {
      const library = programs.library(name, each);
      if (library !== undefined && !found.has(library.path)) found.set(library.path, library);
    }
  }
  return [...found.values()];
}

function fileSize({ stack }: OpenImage, path: ByteString): number {
  return stack.view.resolve(path, { followLast: true }).node?.sizeBytes ?? 0;
}

function packageSize({ stack }: OpenImage, each: Package): number {
  let sum = 0;
  for (const path of packageFiles(stack, each)) {
    const node = stack.view.find(path);
    if (node?.kind === 'file') sum += node.sizeBytes;
  }
  return sum;
}

/** A slim base of the same distribution: the same without documentation. */
function withoutDocumentation(image: OpenImage): BaseSuggestion[] {
  const { distribution, packages } = readInventory(image.stack);
  if (distribution?.id !== 'debian') return [];
  let saved = 0;
  for (const each of packages) {
    if (each.type !== 'deb') continue;
    for (const path of packageFiles(image.stack, each)) {
      const node = DOCUMENTATION.test(path) ? image.stack.view.find(path) : undefined;
      if (node?.kind === 'file') saved += node.sizeBytes;
    }
  }
  if (saved === 0) return [];
  return [
    {
      base: `shale base debian --suite ${codenameOf(distribution.prettyName) ?? 'stable'} --slim`,
      estimatedBytes: sizeOf(image.stack) - saved,
      reasons: ['documentation, manual pages and translations are left out, now and at later installs'],
      cautions: ['programs speak English only, where their translations are in packages'],
    },
  ];
}

/** `trixie` of `Debian GNU/Linux 13 (trixie)`. */
function codenameOf(prettyName: string | undefined): string | undefined {
  return /\(([a-z]+)\)/.exec(prettyName ?? '')?.[1];
}

function remarksOn(
  command: readonly string[],
  started: Started | undefined,
  suggestions: readonly BaseSuggestion[],
): string[] {
  const remarks: string[] = [];
  if (command.length === 0) remarks.push('the image has no Entrypoint and no Cmd: what it runs is not known');
  else if (started === undefined) remarks.push(`${JSON.stringify(command[0])} is not in the image`);
  else if (started.scripts.length > 0)
    remarks.push(
      `it starts the script ${toText(started.scripts[0] ?? '')}, whose programs are not known: it needs its shell or interpreter with all that that runs`,
    );
  else if (INTERPRETER.test(started.path))
    remarks.push(
      `${toText(started.path)} runs programs that are not known: it needs its shell or interpreter with all that they load`,
    );
  if (suggestions.length === 0) remarks.push('no smaller base was found that would surely do');
  return remarks;
}
