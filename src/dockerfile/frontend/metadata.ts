import { posix } from 'node:path';
import { fromText } from '../../base/index.ts';
import type { ContainerConfig } from '../../oci/index.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import { cleanPath } from '../syntax/ignore.ts';
import type {
  ArgInstruction,
  CommandInstruction,
  CommandLine,
  EnvInstruction,
  ExposeInstruction,
  LabelInstruction,
  StopSignalInstruction,
  VolumeInstruction,
  WorkdirInstruction,
} from '../syntax/instructions.ts';
import { buildArg, isBuilderArg } from './arguments.ts';
import { withVariable } from './environment.ts';
import { expandAt } from './expand.ts';
import { plainList, quotedList } from './history.ts';
import { exposedPorts } from './ports.ts';
import { addHistory, addStep, escapeOf, expand, expandIn, titleOf, type Scene } from './scene.ts';
import { isSignal } from './signals.ts';

const DEFAULT_SHELL: readonly string[] = ['/bin/sh', '-c'];

/** The arguments of a process: in shell form the shell with the text as its last argument. */
export function withShell(config: ContainerConfig, command: CommandLine): readonly string[] {
  if (!command.isShellForm) return command.words;
  const shell = config.Shell !== undefined && config.Shell.length > 0 ? config.Shell : DEFAULT_SHELL;
  return [...shell, command.words.join(' ')];
}

export function applyEnv(scene: Scene, instruction: EnvInstruction): void {
  const { state } = scene;
  const pairs = expandPairs(scene, instruction);
  for (const { name, value } of pairs) {
    state.environment.set(name, value);
    state.config.Env = withVariable(state.config.Env ?? [], name, value);
  }
  addHistory(scene, `ENV ${pairs.map(({ name, value }) => `${name}=${value}`).join(' ')}`);
}

export function applyLabel(scene: Scene, instruction: LabelInstruction): void {
  const pairs = expandPairs(scene, instruction);
  const labels = pairs.map(({ name, value }) => [name, value] as const);
  scene.state.config.Labels = { ...scene.state.config.Labels, ...Object.fromEntries(labels) };
  addHistory(scene, `LABEL ${pairs.map(({ name, value }) => `${name}=${value}`).join(' ')}`);
}

function expandPairs(
  scene: Scene,
  instruction: EnvInstruction | LabelInstruction,
): readonly { readonly name: string; readonly value: string }[] {
  return instruction.pairs.map((pair) => ({ name: expand(scene, pair.name), value: expand(scene, pair.value) }));
}

/**
 * An ARG takes its value from the command line, else from its default, else from before the first FROM; it is set even
 * where an ENV of the same name stood before.
 */
export function applyArg(scene: Scene, instruction: ArgInstruction): void {
  const { planning, state } = scene;
  const shown: string[] = [];
  for (const arg of instruction.args) {
    planning.declaredArgs.add(arg.name);
    const given = buildArg(planning.options.buildArgs ?? {}, arg.name);
    const value =
      given ?? (arg.value === undefined ? planning.globals.get(arg.name) : expandIn(scene, arg.value, arg.word).text);
    if (value !== undefined && !isBuilderArg(arg.name)) state.environment.set(arg.name, value);
    const isInherited = given === undefined && arg.value === undefined && value !== undefined;
    scene.trace.args.push({ name: arg.name, value, isInherited, uses: new Set(), node: scene.trace.node });
    // Without a value an earlier one of the same name stays: the history of RUN asks the environment first.
    state.buildArgs.set(arg.name, value);
    shown.push(value === undefined ? arg.name : `${arg.name}=${value}`);
  }
  addHistory(scene, `ARG ${shown.join(' ')}`);
}

export function applyCommand(scene: Scene, instruction: CommandInstruction): void {
  const { state } = scene;
  const args = withShell(state.config, instruction.command);
  if (instruction.kind === 'cmd') {
    state.config.Cmd = args;
    state.config.ArgsEscaped = true;
    state.hasCmd = true;
  } else {
    state.config.Entrypoint = args;
    // The base's CMD was meant for the base's ENTRYPOINT.
    if (!state.hasCmd) delete state.config.Cmd;
  }
  addHistory(scene, `${instruction.kind.toUpperCase()} ${quotedList(args)}`);
}

export function applyExpose(scene: Scene, instruction: ExposeInstruction): void {
  const ports: string[] = [];
  for (const word of instruction.ports) {
    const { lookup } = scene.state.environment;
    const expansion = expandAt(word.text, lookup, { escape: escapeOf(scene) }, word);
    // The reference says nothing of variables that are not set here.
    scene.trace.expansions.set(word, expansion);
    for (const text of expansion.words) {
      const found = exposedPorts(text);
      if (typeof found === 'string') {
        throw new Refusal('PORT', `${JSON.stringify(text)} cannot be exposed: ${found}`, word);
      }
      ports.push(...found);
    }
  }
  const { config } = scene.state;
  config.ExposedPorts = sortedUnion(config.ExposedPorts, ports);
  addHistory(scene, `EXPOSE ${plainList(ports)}`);
}

export function applyVolume(scene: Scene, instruction: VolumeInstruction): void {
  const volumes = instruction.volumes.map((word) => {
    const volume = expand(scene, word);
    if (volume === '') throw new Refusal('NAME_BLANK', 'a volume cannot be an empty string', word);
    return volume;
  });
  const { config } = scene.state;
  config.Volumes = sortedUnion(config.Volumes, volumes);
  addHistory(scene, `VOLUME ${plainList(volumes)}`);
}

function sortedUnion(known: readonly string[] | undefined, added: readonly string[]): string[] {
  return Array.from(new Set([...(known ?? []), ...added])).toSorted();
}

export function applyStopSignal(scene: Scene, instruction: StopSignalInstruction): void {
  const signal = expand(scene, instruction.signal);
  if (!isSignal(signal)) {
    throw new Refusal('SIGNAL', `${JSON.stringify(signal)} is no signal`, instruction.signal);
  }
  scene.state.config.StopSignal = signal;
  addHistory(scene, `STOPSIGNAL ${signal}`);
}

export function applyWorkdir(scene: Scene, instruction: WorkdirInstruction): void {
  const { state } = scene;
  const path = resolveWorkdir(state.config.WorkingDir ?? '', expand(scene, instruction.path));
  state.config.WorkingDir = path;
  state.workdir = cleanPath(path);
  state.hasWorkdir = true;
  const command = `WORKDIR ${path}`;
  if (path === '/') {
    addHistory(scene, command);
    return;
  }
  const vertex = addStep(scene, {
    kind: 'workdir',
    op: { kind: 'mkdir', path: fromText(state.workdir), mode: 0o755, user: state.config.User ?? '' },
    inputs: [],
    title: titleOf(scene),
    command,
  });
  addHistory(scene, command, vertex);
}

/** A relative path goes on from the current one; an absolute one stays as written, as the reference has it. */
export function resolveWorkdir(current: string, path: string): string {
  const base = current.startsWith('/') ? current : cleanPath(`/${current}`);
  if (path === '') return base;
  return path.startsWith('/') ? path : cleanPath(posix.join(base, path));
}
