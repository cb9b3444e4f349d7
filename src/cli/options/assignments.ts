import { readFileSync } from 'node:fs';
import { messageOf } from '../../base/index.ts';
import { UsageError } from '../usage-error.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** An env file longer than this is refused: it is read whole. */
const ENV_FILE_BYTES_MAX = 10 * 1024 * 1024;

/**
 * `--label`: `KEY=VALUE`, or `KEY` for an empty value; the last one counts.
 * @throws USAGE for an empty key.
 */
export function parseLabels(words: readonly string[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    words.map((word) => splitAssignment('--label', word)).map(([key, value]) => [key, value ?? '']),
  );
}

/**
 * `--build-arg` and `--env`: `NAME=VALUE`, or `NAME` for what the caller's environment has; a name that it lacks is
 * left out. Later ones replace earlier ones.
 * @throws USAGE for an empty name.
 */
export function parseAssignments(
  flag: string,
  words: readonly string[],
  environment: Environment,
): Readonly<Record<string, string>> {
  const result = new Map<string, string>();
  for (const word of words) {
    const [name, value] = splitAssignment(flag, word);
    const found = value ?? (Object.hasOwn(environment, name) ? environment[name] : undefined);
    if (found !== undefined) result.set(name, found);
  }
  return Object.fromEntries(result);
}

/**
 * `NAME=VALUE`.
 * @throws USAGE without a name or a value.
 */
export function parseAssignment(flag: string, word: string): readonly [name: string, value: string] {
  const [name, value] = splitAssignment(flag, word);
  if (value === undefined) throw new UsageError(`${flag} ${JSON.stringify(word)} has no value`, `${flag} NAME=VALUE`);
  return [name, value];
}

function splitAssignment(flag: string, word: string): readonly [name: string, value: string | undefined] {
  const equals = word.indexOf('=');
  const name = equals === -1 ? word : word.slice(0, equals);
  if (name === '') throw new UsageError(`${flag} ${JSON.stringify(word)} has no name`, `${flag} NAME=VALUE`);
  return [name, equals === -1 ? undefined : word.slice(equals + 1)];
}

/**
 * `-e` over `--env-file`: what a container gets beside the image's own variables.
 * @throws USAGE naming file and line.
 */
export function readEnvironment(
  words: readonly string[],
  files: readonly string[],
  environment: Environment,
): Readonly<Record<string, string>> {
  const fromFiles = files.flatMap((file) => parseEnvFile(readEnvFile(file), file));
  return parseAssignments('--env', [...fromFiles, ...words], environment);
}

/**
 * `--label-file`: docker's env file with labels in it, `KEY=VALUE` or `KEY` a line.
 * @throws USAGE naming file and line.
 */
export function readLabelFiles(files: readonly string[]): string[] {
  return files.flatMap((file) => parseEnvFile(readEnvFile(file), file));
}

function readEnvFile(file: string): string {
  try {
    const bytes = readFileSync(file);
    if (bytes.length > ENV_FILE_BYTES_MAX) throw new Error(`it is longer than ${ENV_FILE_BYTES_MAX} bytes`);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    throw new UsageError(`cannot read ${file}: ${messageOf(error)}`);
  }
}

/**
 * Docker's env file: one `NAME=VALUE` or `NAME` a line, `#` begins a comment line, values are taken as they stand
 * (quotes too). Ends of lines may be CR LF.
 * @throws USAGE naming file and line.
 */
export function parseEnvFile(text: string, file: string): string[] {
  return text.split('\n').flatMap((raw, index) => {
    const line = raw.replace(/\r$/, '').trimStart();
    if (line === '' || line.startsWith('#')) return [];
    const name = line.split('=', 1)[0] ?? '';
    if (name === '' || /\s/.test(name)) {
      throw new UsageError(
        `${file}:${index + 1}: ${name === '' ? 'there is no name before =' : `the name ${JSON.stringify(name)} has a blank`}`,
      );
    }
    return [line];
  });
}
