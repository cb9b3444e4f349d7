import { posix } from 'node:path';
import { fromText, isShaleError, parseFileMode, type ByteString } from '../../base/index.ts';
import type { CopyOp, CopySource, VertexId } from '../../graph/index.ts';
import { Refusal } from '../syntax/diagnostics.ts';
import { cleanPath } from '../syntax/ignore.ts';
import type { AddInstruction, CopyInstruction } from '../syntax/instructions.ts';
import type { Word } from '../syntax/tree.ts';
import { hasWildcard, sourceKind, urlFileName } from './copy-sources.ts';
import { addHistory, addStep, expand, expandIn, Inputs, nextSlot, originOf, titleOf, type Scene } from './scene.ts';
import { optionalPattern } from './optional-source.ts';
import { vertexOfSource } from './sources.ts';

const INLINE_MODE = 0o644;

export function applyCopy(scene: Scene, instruction: CopyInstruction | AddInstruction): void {
  const chown = instruction.chown && expand(scene, instruction.chown);
  const chmod = instruction.chmod && checkedMode(expand(scene, instruction.chmod), instruction.chmod);
  const checksum = instruction.kind === 'add' ? instruction.checksum && expand(scene, instruction.checksum) : undefined;
  const sources = instruction.sources.map((word) => ({ word, text: expand(scene, word) }));
  const destination = expand(scene, instruction.destination);
  const inputs = new Inputs();
  const reader = { scene, instruction, inputs, checksum: checksum ?? '' };
  if (checksum !== undefined && checksum !== '') checkChecksum(instruction, sources);
  const planned: CopySource[] = sources.map(({ word, text }) => plannedSource(reader, word, text));
  for (const { name, content, expand: isExpanded } of instruction.inline) {
    const text = isExpanded ? expandBody(scene, content) : content;
    planned.push({ kind: 'inline', file: { name: fromText(name), content: text, mode: INLINE_MODE } });
  }
  const op: CopyOp = {
    kind: 'copy',
    sources: planned,
    destination: resolveDestination(scene.state.workdir, destination),
    ...(chown === undefined || chown === '' ? {} : { chown }),
    ...(chmod === undefined || chmod === '' ? {} : { chmod }),
    link: instruction.link && (chmod ?? '') === '',
    excludes: instruction.excludes,
  };
  const command = [
    instruction.kind.toUpperCase(),
    ...(instruction.kind === 'copy' && instruction.parents ? ['--parents'] : []),
    ...(instruction.ifExists ? ['--if-exists'] : []),
    ...(op.chown === undefined ? [] : [`--chown=${op.chown}`]),
    ...(op.chmod === undefined ? [] : [`--chmod=${op.chmod}`]),
    ...sources.map(({ text }) => text),
    ...instruction.inline.map(({ name }) => `<<${name}`),
    destination,
  ].join(' ');
  const { kind } = instruction;
  const vertex = addStep(scene, { kind, op, inputs: inputs.ids, title: titleOf(scene), command });
  addHistory(scene, `${command} # buildkit`, vertex);
}

function checkedMode(text: string, word: Word): string {
  if (text === '') return text;
  try {
    parseFileMode(text);
    return text;
  } catch (error) {
    if (!isShaleError(error, 'FILE_MODE_INVALID')) throw error;
    throw new Refusal('CHMOD', `--chmod: ${error.message}`, word, error.hint);
  }
}

function checkChecksum(instruction: CopyInstruction | AddInstruction, sources: readonly { text: string }[]): void {
  const word = (instruction.kind === 'add' ? instruction.checksum : undefined) ?? instruction.node;
  const [first] = sources;
  if (first === undefined || sources.length > 1) {
    throw new Refusal('CHECKSUM', '--checksum needs exactly one source', word);
  }
  if (sourceKind(first.text) === 'files') {
    throw new Refusal('CHECKSUM', '--checksum is for URLs and git repositories', word);
  }
}

/** The body of a heredoc: variables are put in, quotes and other characters stay. */
function expandBody(scene: Scene, content: string): string {
  // The file's own escape character counts for nothing here, as in the reference.
  return expandIn(scene, content, scene.command.instruction.node, { escape: '\\', ignoreQuotes: true }).text;
}

/** Absolute and clean; a slash at the end, which says "a directory", stays. */
function resolveDestination(workdir: string, destination: string): ByteString {
  const isDirectory = /(?:^|\/)\.?$/.test(destination);
  const path = cleanPath(destination.startsWith('/') ? destination : posix.join(workdir, destination));
  return fromText(isDirectory && path !== '/' ? `${path}/` : path);
}

interface SourceReader {
  readonly scene: Scene;
  readonly instruction: CopyInstruction | AddInstruction;
  readonly inputs: Inputs;
  readonly checksum: string;
}

function plannedSource(reader: SourceReader, word: Word, text: string): CopySource {
  const { scene, instruction, inputs } = reader;
  const kind = sourceKind(text);
  if (kind !== 'files') return fetchedSource(reader, word, text, kind);
  const input = inputs.indexOf(filesOf(scene, instruction));
  noteIgnored(scene, text);
  const unpack = instruction.kind === 'add' && (instruction.unpack ?? true);
  if (instruction.kind === 'copy' && instruction.parents) {
    return parentsSource(input, instruction.ifExists ? (optionalPattern(text) ?? text) : text);
  }
  const path = cleanPath(`/${text}`);
  const pattern = instruction.ifExists ? optionalPattern(path) : undefined;
  return { kind: 'tree', input, path: fromText(pattern ?? path), unpack };
}

/** Takes down a source in the context that the ignore file leaves out. */
function noteIgnored({ planning, command, trace }: Scene, text: string): void {
  if (command.from !== undefined) return;
  const path = cleanPath(text);
  if (planning.ignored?.(path) === true) trace.ignoredSources.push(path);
}

/** The tree that the instruction copies from: a stage, an image or the context. */
function filesOf(scene: Scene, instruction: CopyInstruction | AddInstruction): VertexId {
  const { from } = scene.command;
  if (from === undefined) return scene.planning.context();
  return vertexOfSource(scene, from, (instruction.kind === 'copy' ? instruction.from : undefined) ?? instruction.node);
}

/** `/./` divides what is left out of the destination's path from what is kept. */
function parentsSource(input: number, text: string): CopySource {
  const pivot = text.indexOf('/./');
  const root = pivot === -1 ? '/' : cleanPath(`/${text.slice(0, pivot)}`);
  const pattern = cleanPath(`/${pivot === -1 ? text : text.slice(pivot + 3)}`);
  const isLiteral = !hasWildcard(root) && !hasWildcard(pattern);
  return {
    kind: 'parents',
    input,
    root: fromText(root),
    pattern: pattern.slice(1),
    ...(isLiteral ? { required: fromText(cleanPath(root + pattern)) } : {}),
    unpack: false,
  };
}

/** An address as it may be shown: a user and a password before the host stay out. */
function withoutCredentials(address: string): string {
  return address.replace(/^([a-z]+:\/\/)[^/@]*@/i, '$1');
}

function fetchedSource(reader: SourceReader, word: Word, text: string, kind: 'http' | 'git'): CopySource {
  const { scene, instruction, inputs } = reader;
  if (instruction.kind !== 'add') {
    const what = kind === 'git' ? 'a git repository' : 'a URL';
    throw new Refusal('COPY_SOURCE', `COPY cannot take its source from ${what}`, word, 'ADD can');
  }
  const { planning, stage, state } = scene;
  const checksum = reader.checksum === '' ? {} : { checksum: reader.checksum };
  const fileName = kind === 'http' ? fromText(urlFileName(text)) : '';
  const id = planning.builder.add({
    op:
      kind === 'git'
        ? {
            kind: 'git',
            url: text,
            ...(instruction.keepGitDir === undefined ? {} : { keepGitDir: instruction.keepGitDir }),
            ...checksum,
          }
        : { kind: 'http', url: text, fileName, ...checksum },
    inputs: [],
    platform: state.platform,
    name: withoutCredentials(text),
    origin: [originOf(planning, scene.command.isTrigger ? stage.from.node : instruction.node)],
    noCache: stage.noCache,
    slot: nextSlot(stage, kind),
    command: withoutCredentials(text),
  });
  const unpack = kind === 'http' && (instruction.unpack ?? false);
  return { kind: 'fetched', input: inputs.indexOf(id), path: kind === 'git' ? '/' : `/${fileName}`, unpack };
}
