import { isJsonObject, type Json, type JsonObject } from '../base/index.ts';
import { familiarName, parseReference } from '../oci/index.ts';
import type { BuildStepRecord } from '../store/index.ts';
import { getBuild, getStep, outcomeOf } from './build-records.ts';
import type { EngineContext } from './context.ts';
import { expandSettings, settingSentence, type Change } from './why-settings.ts';
import type { WhyReport, WhyRequest, WhyStep } from './why-types.ts';

/** Why each step of a recorded build ran or was found in the cache. @throws BUILD_NOT_FOUND */
export async function why({ store }: EngineContext, request: WhyRequest): Promise<WhyReport> {
  const record = await getBuild(store, request.build);
  const steps = await store.builds.steps(record.id);
  const wanted = request.step === undefined ? steps : [getStep(record, steps, request.step)];
  const { error } = objectOf(record.details);
  // What a step failed with is said there.
  const isBare = steps.length === 0 && typeof error === 'string';
  return { buildId: record.id, steps: wanted.map(whyStep), ...(isBare && { error }) };
}

function whyStep(step: BuildStepRecord): WhyStep {
  const details = objectOf(step.details);
  const explanation = objectOf(details['explanation']);
  const told = explanation['kind'] === 'changed' ? changesOf(explanation['changes']) : [];
  const changes = told.flatMap((change) => (change.name === 'settings' ? expandSettings(change) : [change]));
  return {
    number: step.number,
    name: step.name,
    outcome: outcomeOf(step),
    reason: reasonOf(step, details, changes),
    changes: changes.map(readable),
  };
}

function reasonOf(step: BuildStepRecord, details: JsonObject, changes: readonly Change[]): string {
  const explanation = objectOf(details['explanation']);
  switch (explanation['kind']) {
    case 'hit':
      return explanation['by'] === 'content'
        ? 'its inputs have the same contents as in an earlier build'
        : 'nothing that it depends on has changed';
    case 'shared':
      return 'another target of the same run made it';
    case 'uncached':
      return details['op'] === 'image'
        ? `the base image is ${familiar(textOf(details['reference']))}`
        : `it is looked at in every build${foundText(objectOf(details['fetched']))}`;
    case 'disabled':
      return 'the cache was not asked (--no-cache)';
    case 'first-run':
      return 'it has never been built here before';
    case 'lost':
      return 'its earlier result is no longer in the store';
    case 'changed':
      return (
        summaryOf(changes, typeof explanation['more'] === 'number' ? explanation['more'] : 0) +
        modesText(details, changes)
      );
    default:
      if (step.status === 'error') return `it failed: ${textOf(details['error'])}`;
      return step.status === 'canceled' ? 'it was cancelled when another step failed' : 'nothing was recorded';
  }
}

/** What was found outside. */
function foundText({ commit, digest }: JsonObject): string {
  if (typeof commit === 'string') return `: it is the commit ${commit.slice(0, 12)}`;
  return typeof digest === 'string' ? `: it has the digest ${digest.slice(0, 'sha256:'.length + 12)}` : '';
}

/** Where git would see no difference, the option that looks at modes as git does is named. */
function modesText(details: JsonObject, changes: readonly Change[]): string {
  const isAlike = changes.length > 0 && changes.every((change) => sameForGit(change));
  return isAlike && details['readsContext'] === true ? '; with --context-modes=git that would not count' : '';
}

/** True when two descriptions of a file differ in bits of its mode that git does not keep. */
function sameForGit({ name, before, after }: Change): boolean {
  if (!/^(?:file|directory):/.test(name) || before === undefined || after === undefined) return false;
  const [kind, mode = '', ...rest] = before.split(' ');
  const [newKind, newMode = '', ...newRest] = after.split(' ');
  const isSame = kind === newKind && rest.join(' ') === newRest.join(' ');
  const isExecutable = (text: string): boolean => (Number.parseInt(text, 8) & 0o100) !== 0;
  return isSame && (kind === 'directory' || isExecutable(mode) === isExecutable(newMode));
}

/** One sentence: what changed, most telling first. */
function summaryOf(changes: readonly Change[], more: number): string {
  const files = changes.filter((change) => change.name.startsWith('file:'));
  const others = changes.filter((change) => !change.name.startsWith('file:') && !change.name.startsWith('directory:'));
  const parts = others.map(sentenceOf);
  const [first] = files;
  if (first !== undefined)
    parts.push(
      files.length + more === 1
        ? `${fileName(first)} ${fileChange(first)}`
        : `${files.length + more} files changed: ${files.slice(0, 3).map(fileName).join(', ')}${files.length + more > 3 ? ', …' : ''}`,
    );
  if (parts.length === 0 && changes.length > 0)
    parts.push(`the directory ${changes[0]?.name.slice('directory:'.length)} has other attributes`);
  return parts.join('; ');
}

function sentenceOf({ name, before, after }: Change): string {
  if (name.startsWith('mounted:')) return `what its mount ${Number(name.slice('mounted:'.length)) + 1} shows changed`;
  if (name === 'rootfs') return 'the files below it changed: an earlier step or the base image gave another result';
  if (name === 'command') return 'the instruction changed';
  if (name === 'epoch') return `the build epoch changed from ${before} to ${after}`;
  if (name === 'format') return 'this version of shale writes layers in another way';
  if (name === 'noise') return `noise of package managers is ${after}`;
  if (name.startsWith('env:')) {
    const variable = name.slice('env:'.length);
    if (before === undefined) return `the variable ${variable} is new`;
    return after === undefined ? `the variable ${variable} is gone` : `the variable ${variable} changed`;
  }
  return settingSentence({ name, before, after }) ?? `${name} changed`;
}

/** `file:SOURCE -> DESTINATION` by its source. */
function fileName({ name }: Change): string {
  return name.slice('file:'.length).split(' -> ')[0] ?? name;
}

/** Compares two descriptions of a file (`kind mode uid:gid mtime content …`). */
function fileChange({ before, after }: Change): string {
  if (before === undefined) return 'is new';
  if (after === undefined) return 'is gone';
  const [kind, mode, owner, time, ...content] = before.split(' ');
  const [newKind, newMode, newOwner, newTime, ...newContent] = after.split(' ');
  if (kind !== newKind) return `was a ${kind} and is a ${newKind}`;
  if (content.join(' ') !== newContent.join(' '))
    return mode === newMode ? 'has other content' : `has other content, and mode ${newMode} instead of ${mode}`;
  if (mode !== newMode) return `has the mode ${newMode} instead of ${mode} and the same content`;
  if (owner !== newOwner) return `belongs to ${newOwner} instead of ${owner}`;
  return time === newTime ? 'changed' : 'has another modification time';
}

function readable(change: Change): WhyStep['changes'][number] {
  const isFile = /^(?:file|directory):/.test(change.name);
  const shown = (value: string): string => (isFile ? shortDescription(value) : value);
  return {
    input: change.name.startsWith('file:') ? fileName(change) : change.name,
    ...(change.before !== undefined && { before: shown(change.before) }),
    ...(change.after !== undefined && { after: shown(change.after) }),
  };
}

/** `0644 0:0 d690916cdea3` of the whole description of a file. */
function shortDescription(description: string): string {
  const [kind = '', mode = '', owner = '', , content] = description.split(' ');
  return [kind === 'file' ? '' : kind, mode, owner, content?.slice(0, 12)]
    .filter((part) => part !== undefined && part !== '')
    .join(' ');
}

function changesOf(value: Json | undefined): Change[] {
  if (!Array.isArray(value)) return [];
  return value.map((item: Json) => {
    const fields = objectOf(item);
    return {
      name: textOf(fields['name']),
      before: optionalText(fields['before']),
      after: optionalText(fields['after']),
    };
  });
}

function objectOf(value: Json | undefined): JsonObject {
  return isJsonObject(value) ? value : {};
}

function textOf(value: Json | undefined): string {
  return typeof value === 'string' ? value : '';
}

function optionalText(value: Json | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

function familiar(reference: string): string {
  return reference === '' ? 'empty' : familiarName(parseReference(reference));
}
