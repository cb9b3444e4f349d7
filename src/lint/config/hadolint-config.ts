import { ShaleError } from '../../base/index.ts';
import { LABEL_KINDS, SEVERITIES, type LabelKind, type Severity } from '../../dockerfile/index.ts';
import { isSeverity, NO_CONFIG, ruleNamed, type LintConfig } from './settings.ts';

type Draft = { -readonly [K in keyof LintConfig]: LintConfig[K] };

/** Settings of hadolint about its output, which the command line says here. */
const ABOUT_OUTPUT: ReadonlySet<string> = new Set(['format', 'no-color', 'verbose', 'file-path-in-report']);

/** Reads hadolint's config, `.hadolint.yaml`. @throws LINT_CONFIG_INVALID with file and line */
export async function readHadolintConfig(text: string, path: string): Promise<LintConfig> {
  // YAML with its anchors, folded texts and places is more than forty lines; loaded only when there is a file.
  const { LineCounter, parseDocument } = await import('yaml');
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const [fault] = document.errors;
  if (fault !== undefined) {
    throw invalid(`${path}:${lines.linePos(fault.pos[0]).line}`, fault.message.split('\n', 1)[0] ?? fault.code);
  }
  const values: unknown = document.toJS();
  if (values === null || values === undefined) return NO_CONFIG;
  if (typeof values !== 'object' || Array.isArray(values)) throw invalid(`${path}:1`, 'it is no mapping of settings');
  const config: Draft = { ...NO_CONFIG };
  for (const [key, value] of Object.entries(values as Record<string, unknown>)) {
    const at = new RegExp(`^${key.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')}\\s*:`, 'm').exec(text)?.index ?? 0;
    readKey(config, key, value, `${path}:${lines.linePos(at).line}`);
  }
  return config;
}

function readKey(config: Draft, key: string, value: unknown, where: string): void {
  switch (key) {
    case 'ignored':
      config.ignored = texts(value, key, where).flatMap((name) => known(name));
      return;
    case 'override': {
      const severities = new Map<string, Severity>();
      for (const [level, names] of Object.entries(mapping(value, key, where))) {
        if (!isSeverity(level)) throw invalid(where, `override has ${SEVERITIES.join(', ')}, not ${level}`);
        for (const name of texts(names, key, where)) for (const id of known(name)) severities.set(id, level);
      }
      config.severities = severities;
      return;
    }
    case 'trustedRegistries':
      config.settings = { ...config.settings, trustedRegistries: texts(value, key, where) };
      return;
    case 'label-schema': {
      const rows = Object.entries(mapping(value, key, where)).map(([name, kind]): readonly [string, LabelKind] => {
        const found = LABEL_KINDS.find((one) => one === kind);
        if (found === undefined)
          throw invalid(where, `label-schema has ${LABEL_KINDS.join(', ')}, not ${String(kind)}`);
        return [name, found];
      });
      config.settings = { ...config.settings, labels: Object.fromEntries(rows) };
      return;
    }
    case 'strict-labels':
      config.settings = { ...config.settings, strictLabels: flag(value, key, where) };
      return;
    case 'disable-ignore-pragma':
      config.useInlineIgnores = !flag(value, key, where);
      return;
    case 'no-fail':
      if (flag(value, key, where)) config.failureThreshold = 'none';
      return;
    case 'failure-threshold': {
      const level = value === 'ignore' ? 'style' : value;
      if (!isSeverity(level) && level !== 'none') throw invalid(where, `failure-threshold cannot be ${String(value)}`);
      config.failureThreshold ??= level;
      return;
    }
    default:
      if (!ABOUT_OUTPUT.has(key)) throw invalid(where, `there is no setting ${key}`);
  }
}

/** The rule's id; nothing for a number of hadolint that has no rule any more. */
function known(name: string): string[] {
  return /^DL\d+$/i.test(name) && RETIRED.has(name.toUpperCase()) ? [] : [ruleNamed(name, 'the config of hadolint')];
}

const RETIRED: ReadonlySet<string> = new Set(['DL3005', 'DL3017', 'DL3031', 'DL3039', 'DL4002']);

function texts(value: unknown, key: string, where: string): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw invalid(where, `${key} is a list of texts`);
}

function flag(value: unknown, key: string, where: string): boolean {
  if (typeof value === 'boolean') return value;
  throw invalid(where, `${key} is true or false`);
}

function mapping(value: unknown, key: string, where: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>; // YAML's mappings.
  throw invalid(where, `${key} is a mapping`);
}

function invalid(where: string, why: string): ShaleError {
  return new ShaleError('LINT_CONFIG_INVALID', `${where}: ${why}`);
}
