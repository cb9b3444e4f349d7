import type { Healthcheck } from '../../oci/index.ts';
import { INSTRUCTION_NAMES } from './arguments.ts';
import { trimSpace } from './characters.ts';
import { Refusal } from './diagnostics.ts';
import { extensionHint, readFlags, type Flags, type FlagTable } from './flags.ts';
import { chompHeredoc, readHeredocMark } from './heredocs.ts';
import type { CommandLine, InlineSource, Instruction } from './instructions.ts';
import { checkMount, readDevice } from './mounts.ts';
import { suggestion } from './suggest.ts';
import { argumentsOf, isJsonForm, type Pair, type SyntaxNode, type Word } from './tree.ts';
import { parseDuration } from './values.ts';

const COPY_FLAGS: FlagTable = {
  chown: 'value',
  from: 'value',
  chmod: 'value',
  link: 'switch',
  exclude: 'values',
  parents: 'switch',
};
const ADD_FLAGS: FlagTable = {
  chown: 'value',
  chmod: 'value',
  link: 'switch',
  'keep-git-dir': 'switch',
  checksum: 'value',
  unpack: 'switch',
  exclude: 'values',
};
const RUN_FLAGS: FlagTable = { mount: 'values', network: 'value', security: 'value', device: 'values' };
const HEALTHCHECK_FLAGS: FlagTable = {
  interval: 'value',
  timeout: 'value',
  'start-period': 'value',
  'start-interval': 'value',
  retries: 'value',
};
/** What the extended language has besides. */
const COPY_EXTENSION: FlagTable = { 'if-exists': 'switch' };
const RUN_EXTENSION: FlagTable = { 'no-cache': 'switch' };
const EXTENSION_NAMES: readonly string[] = ['include', 'squash', 'unset'];
const UNSET_KINDS = ['env', 'label', 'expose', 'volume'] as const;
/** `Instruction [a, b]` names that a name of a stage must have. */
const STAGE_NAME = /^[a-z][a-z0-9-_.]*$/;
/** Nanoseconds; a shorter health check interval is refused. */
const INTERVAL_MIN = 1e6;

/** Which language is read. */
export interface Dialect {
  /** With shale's extensions. */
  readonly isExtended: boolean;
}

/**
 * Understands one instruction.
 * @throws Refusal
 */
export function readInstruction(node: SyntaxNode, dialect: Dialect = { isExtended: false }): Instruction {
  switch (node.name) {
    case 'from':
      return readFrom(node);
    case 'arg':
      return readArg(node);
    case 'run':
      return readRun(node, dialect);
    case 'copy':
    case 'add':
      return readCopyOrAdd(node, dialect);
    case 'cmd':
    case 'entrypoint':
      noFlags(node);
      return { kind: node.name, node, command: commandLine(node) };
    case 'env':
    case 'label':
      noFlags(node);
      return { kind: node.name, node, pairs: readPairs(node) };
    case 'maintainer': {
      const word = exactlyOne(node);
      noFlags(node);
      return { kind: 'maintainer', node, maintainer: word.text };
    }
    case 'user': {
      const word = exactlyOne(node);
      noFlags(node);
      return { kind: 'user', node, user: word };
    }
    case 'workdir': {
      const word = exactlyOne(node);
      noFlags(node);
      return { kind: 'workdir', node, path: word };
    }
    case 'stopsignal':
      return { kind: 'stopsignal', node, signal: exactlyOne(node) };
    case 'expose': {
      const ports = atLeastOne(node).toSorted((a, b) => compareText(a.text, b.text));
      noFlags(node);
      return { kind: 'expose', node, ports };
    }
    case 'volume':
      return readVolume(node);
    case 'shell':
      return readShell(node);
    case 'healthcheck':
      return { kind: 'healthcheck', node, healthcheck: readHealthcheck(node) };
    case 'onbuild':
      return readOnbuild(node);
    case 'unset':
    case 'squash':
    case 'include':
      if (!dialect.isExtended) throw unknownInstruction(node);
      return readExtension(node);
    default:
      throw unknownInstruction(node);
  }
}

function unknownInstruction({ name, keyword }: SyntaxNode): Refusal {
  const known = INSTRUCTION_NAMES.map((one) => one.toUpperCase());
  const hint = EXTENSION_NAMES.includes(name) ? extensionHint(name.toUpperCase()) : suggestion(keyword.text, known);
  return new Refusal('INSTRUCTION_UNKNOWN', `unknown instruction: ${keyword.text.slice(0, 100)}`, keyword, hint);
}

function readExtension(node: SyntaxNode): Instruction {
  if (node.name === 'unset') return readUnset(node);
  return node.name === 'squash' ? readSquash(node) : readInclude(node);
}

function readSquash(node: SyntaxNode): Instruction {
  noFlags(node);
  const what = exactlyOne(node).text.toLowerCase();
  if (what === 'begin' || what === 'end') return { kind: 'squash', node, what };
  throw new Refusal('SQUASH', 'SQUASH is followed by BEGIN or END', node, 'SQUASH BEGIN, and SQUASH END further down');
}

function readInclude(node: SyntaxNode): Instruction {
  noFlags(node);
  return { kind: 'include', node, paths: atLeastOne(node) };
}

function readUnset(node: SyntaxNode): Instruction {
  noFlags(node);
  const [first, ...names] = atLeastOne(node);
  const what = UNSET_KINDS.find((kind) => kind === first?.text.toLowerCase());
  if (what === undefined) {
    const message = `UNSET takes away ENV, LABEL, EXPOSE or VOLUME, not ${JSON.stringify(first?.text)}`;
    throw new Refusal('UNSET_KIND', message, first, 'UNSET ENV NAME…');
  }
  if (names.length === 0) {
    throw new Refusal('ARGUMENT_COUNT', `UNSET ${what.toUpperCase()} needs a name`, node, 'UNSET ENV NAME…');
  }
  return { kind: 'unset', node, what, names };
}

/** By bytes of UTF-8, which for text is the order of code points. */
function compareText(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function noFlags(node: SyntaxNode): void {
  readFlags(node.flags, {});
}

function instructionName(node: SyntaxNode): string {
  return node.name.toUpperCase();
}

function exactlyOne(node: SyntaxNode): Word {
  const [word, ...others] = argumentsOf(node.body);
  if (word === undefined || others.length > 0) {
    throw new Refusal('ARGUMENT_COUNT', `${instructionName(node)} requires exactly one argument`, node);
  }
  return word;
}

function atLeastOne(node: SyntaxNode): Word[] {
  const words = argumentsOf(node.body);
  if (words.length === 0) {
    throw new Refusal('ARGUMENT_COUNT', `${instructionName(node)} requires at least one argument`, node);
  }
  return words;
}

function readFrom(node: SyntaxNode): Instruction {
  const words = argumentsOf(node.body);
  const [base, as, named] = words;
  const isNamed = words.length === 3 && as?.text.toLowerCase() === 'as';
  if (base === undefined || (words.length !== 1 && !isNamed)) {
    const hint = 'FROM image [AS name]';
    throw new Refusal('ARGUMENT_COUNT', 'FROM requires either one or three arguments', node, hint);
  }
  const name = isNamed ? (named?.text.toLowerCase() ?? '') : '';
  if (isNamed && !STAGE_NAME.test(name)) {
    const message = `invalid name for build stage: ${JSON.stringify(named?.text)}`;
    throw new Refusal(
      'STAGE_NAME',
      message,
      named,
      'a name begins with a letter and has letters, digits, "-", "_", "."',
    );
  }
  const platform = readFlags(node.flags, { platform: 'value' }).find('platform');
  return { kind: 'from', node, base, name, ...(platform === undefined ? {} : { platform }) };
}

function readArg(node: SyntaxNode): Instruction {
  const args = atLeastOne(node).map((word) => {
    const equals = word.text.indexOf('=');
    if (equals === 0) throw new Refusal('NAME_BLANK', 'ARG names can not be blank', word);
    if (equals === -1) return { name: word.text, word };
    return { name: word.text.slice(0, equals), value: word.text.slice(equals + 1), word };
  });
  return { kind: 'arg', node, args };
}

function readPairs(node: SyntaxNode): readonly Pair[] {
  const pairs = node.body.kind === 'pairs' ? node.body.pairs : [];
  if (pairs.length === 0) atLeastOne({ ...node, body: { kind: 'none' } });
  const blank = pairs.find((pair) => pair.name.text === '');
  if (blank !== undefined) {
    throw new Refusal('NAME_BLANK', `${instructionName(node)} names can not be blank`, blank.name);
  }
  return pairs;
}

function commandLine(node: SyntaxNode): CommandLine {
  return { words: argumentsOf(node.body).map((word) => word.text), isShellForm: !isJsonForm(node.body) };
}

function readRun(node: SyntaxNode, { isExtended }: Dialect): Instruction {
  const flags = readFlags(node.flags, isExtended ? { ...RUN_FLAGS, ...RUN_EXTENSION } : RUN_FLAGS, RUN_EXTENSION);
  const mounts = flags.values('mount');
  for (const mount of mounts) checkMount(mount);
  const networkFlag = flags.find('network');
  const securityFlag = flags.find('security');
  const deviceFlags = flags.values('device');
  return {
    kind: 'run',
    node,
    command: commandLine(node),
    mounts,
    network: oneOf(['default', 'none', 'host'], networkFlag, 'network mode'),
    security: oneOf(['sandbox', 'insecure'], securityFlag, 'security mode'),
    devices: deviceFlags.map(readDevice),
    deviceFlags,
    noCache: flags.switch('no-cache') ?? false,
    ...(networkFlag === undefined ? {} : { networkFlag }),
    ...(securityFlag === undefined ? {} : { securityFlag }),
  };
}

/** The first of `known` when the flag is absent. */
function oneOf<T extends string>(known: readonly [T, ...T[]], flag: Word | undefined, what: string): T {
  if (flag === undefined) return known[0];
  const found = known.find((candidate) => candidate === flag.text);
  if (found === undefined) {
    throw new Refusal('FLAG_VALUE', `unknown ${what} ${JSON.stringify(flag.text)}`, flag, `one of ${known.join(', ')}`);
  }
  return found;
}

function readCopyOrAdd(node: SyntaxNode, { isExtended }: Dialect): Instruction {
  const name = instructionName(node);
  const words = argumentsOf(node.body);
  const destination = words.at(-1);
  if (destination === undefined || words.length < 2) {
    throw new Refusal('ARGUMENT_COUNT', `${name} requires at least two arguments: a source and a destination`, node);
  }
  const isAdd = node.name === 'add';
  const known = isAdd ? ADD_FLAGS : COPY_FLAGS;
  const flags = readFlags(node.flags, isExtended ? { ...known, ...COPY_EXTENSION } : known, COPY_EXTENSION);
  if (readHeredocMark(destination.text) !== undefined) {
    throw new Refusal('HEREDOC_PLACE', `${name} cannot accept a heredoc as a destination`, destination);
  }
  const common = {
    node,
    ...splitSources(node, words.slice(0, -1)),
    destination,
    link: flags.switch('link') ?? false,
    ifExists: flags.switch('if-exists') ?? false,
    excludes: flags.values('exclude').map((word) => word.text),
    ...optionalWord('chown', flags),
    ...optionalWord('chmod', flags),
  };
  if (!isAdd) {
    return { kind: 'copy', ...common, parents: flags.switch('parents') ?? false, ...optionalWord('from', flags) };
  }
  const keepGitDir = flags.switch('keep-git-dir');
  const unpack = flags.switch('unpack');
  return {
    kind: 'add',
    ...common,
    ...(keepGitDir === undefined ? {} : { keepGitDir }),
    ...(unpack === undefined ? {} : { unpack }),
    ...optionalWord('checksum', flags),
  };
}

/** A flag that is given but empty counts as absent, as in the reference. */
function optionalWord<K extends string>(name: K, flags: Flags): { readonly [P in K]?: Word } {
  const word = flags.find(name);
  const found: { [P in K]?: Word } = {};
  if (word !== undefined && word.text !== '') found[name] = word;
  return found;
}

function splitSources(
  node: SyntaxNode,
  words: readonly Word[],
): { readonly sources: readonly Word[]; readonly inline: readonly InlineSource[] } {
  const sources: Word[] = [];
  const inline: InlineSource[] = [];
  for (const word of words) {
    const mark = readHeredocMark(word.text);
    if (mark === undefined) sources.push(word);
    else {
      // Of heredocs with one name the last one counts.
      const content = node.heredocs.findLast((heredoc) => heredoc.name === mark.name)?.content ?? '';
      inline.push({ name: mark.name, content: mark.chomp ? chompHeredoc(content) : content, expand: mark.expand });
    }
  }
  return { sources, inline };
}

function readVolume(node: SyntaxNode): Instruction {
  const volumes = atLeastOne(node).map((word) => ({ ...word, text: trimSpace(word.text) }));
  noFlags(node);
  const empty = volumes.find((word) => word.text === '');
  if (empty !== undefined) throw new Refusal('NAME_BLANK', 'a volume cannot be an empty string', empty);
  return { kind: 'volume', node, volumes };
}

function readShell(node: SyntaxNode): Instruction {
  noFlags(node);
  const shell = atLeastOne(node).map((word) => word.text);
  if (!isJsonForm(node.body)) {
    throw new Refusal('JSON_FORM', 'SHELL requires its arguments in JSON form', node, 'SHELL ["/bin/bash", "-c"]');
  }
  return { kind: 'shell', node, shell };
}

function readHealthcheck(node: SyntaxNode): Healthcheck {
  const [type, ...words] = atLeastOne(node);
  const kind = type?.text.toUpperCase();
  if (kind === 'NONE') {
    if (words.length > 0) throw new Refusal('ARGUMENT_COUNT', 'HEALTHCHECK NONE takes no arguments', node);
    return { Test: ['NONE'] };
  }
  const flags = readFlags(node.flags, HEALTHCHECK_FLAGS);
  if (kind !== 'CMD') {
    const message = `unknown type ${JSON.stringify(type?.text)} in HEALTHCHECK`;
    throw new Refusal('HEALTHCHECK_TYPE', message, type, 'HEALTHCHECK CMD command, or HEALTHCHECK NONE');
  }
  if (words.length === 0) throw new Refusal('ARGUMENT_COUNT', 'missing command after HEALTHCHECK CMD', node);
  return {
    Test: [isJsonForm(node.body) ? 'CMD' : 'CMD-SHELL', ...words.map((word) => word.text)],
    ...interval('Interval', flags.find('interval')),
    ...interval('Timeout', flags.find('timeout')),
    ...interval('StartPeriod', flags.find('start-period')),
    ...interval('StartInterval', flags.find('start-interval')),
    ...retries(flags.find('retries')),
  };
}

function interval<K extends string>(name: K, flag: Word | undefined): { readonly [P in K]?: number } {
  const found: { [P in K]?: number } = {};
  if (flag === undefined || flag.text === '') return found;
  const nanoseconds = parseDuration(flag.text);
  if (nanoseconds === undefined) {
    const message = `${JSON.stringify(flag.text)} is not a duration`;
    throw new Refusal('FLAG_VALUE', message, flag, 'a duration has a unit, like 30s or 1m30s');
  }
  if (nanoseconds !== 0 && nanoseconds < INTERVAL_MIN) {
    throw new Refusal('FLAG_VALUE', 'an interval cannot be less than 1ms', flag);
  }
  if (nanoseconds !== 0) found[name] = nanoseconds;
  return found;
}

function retries(flag: Word | undefined): { readonly Retries?: number } {
  if (flag === undefined || flag.text === '') return {};
  const count = /^[-+]?\d+$/.test(flag.text) ? Number(flag.text) : Number.NaN;
  if (!(count >= 0 && count <= 0x7fff_ffff)) {
    throw new Refusal('FLAG_VALUE', `${JSON.stringify(flag.text)} is not a number of retries`, flag);
  }
  return count === 0 ? {} : { Retries: count };
}

function readOnbuild(node: SyntaxNode): Instruction {
  const [first] = atLeastOne(node);
  noFlags(node);
  const trigger = trimSpace(first?.text ?? '').toUpperCase();
  if (['ONBUILD', 'FROM', 'MAINTAINER', ...EXTENSION_NAMES.map((name) => name.toUpperCase())].includes(trigger)) {
    throw new Refusal('ONBUILD_TRIGGER', `${trigger} is not allowed as an ONBUILD trigger`, first);
  }
  const text = node.text.replace(/^[\t\n\f\r ]*ONBUILD[\t\n\f\r ]*/i, '');
  const heredocs = node.heredocs.map((heredoc) => `\n${heredoc.content}${heredoc.name}`).join('');
  return { kind: 'onbuild', node, expression: text + heredocs };
}
