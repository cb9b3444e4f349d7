import { lineOfKey, messageOf, ShaleError } from '../../base/index.ts';
import { LABEL_KINDS, SEVERITIES, type LabelKind, type Severity } from '../../dockerfile/index.ts';
import { isSeverity, NO_CONFIG, ruleNamed, type LintConfig } from './settings.ts';

type Draft = { -readonly [K in keyof LintConfig]: LintConfig[K] };

/** What stands in `.shale-lint.toml`: a key for each, with what reads it into the config. */
const KEYS: Readonly<Record<string, (config: Draft, value: unknown, refuse: Refuse) => void>> = {
  ignore: (config, value, refuse) => {
    config.ignored = texts(value, refuse).map((name) => ruleNamed(name, refuse.where));
  },
  enable: (config, value, refuse) => {
    config.enabled = texts(value, refuse).map((name) => ruleNamed(name, refuse.where));
  },
  'failure-threshold': (config, value, refuse) => {
    if (!isSeverity(value) && value !== 'none') throw refuse(`is one of ${SEVERITIES.join(', ')}, none`);
    config.failureThreshold = value;
  },
  'trusted-registries': (config, value, refuse) => {
    config.settings = { ...config.settings, trustedRegistries: texts(value, refuse) };
  },
  'strict-labels': (config, value, refuse) => {
    config.settings = { ...config.settings, strictLabels: flag(value, refuse) };
  },
  'inline-ignores': (config, value, refuse) => {
    config.useInlineIgnores = flag(value, refuse);
  },
  severity: (config, value, refuse) => {
    const rows = Object.entries(table(value, refuse)).map(([name, level]): readonly [string, Severity] => {
      if (!isSeverity(level)) throw refuse(`gives rules one of ${SEVERITIES.join(', ')}`);
      return [ruleNamed(name, refuse.where), level];
    });
    config.severities = new Map(rows);
  },
  labels: (config, value, refuse) => {
    const rows = Object.entries(table(value, refuse)).map(([name, kind]): readonly [string, LabelKind] => {
      const known = LABEL_KINDS.find((one) => one === kind);
      if (known === undefined) throw refuse(`gives labels one of ${LABEL_KINDS.join(', ')}`);
      return [name, known];
    });
    config.settings = { ...config.settings, labels: Object.fromEntries(rows) };
  },
};

interface Refuse {
  (why: string): ShaleError;
  /** File and line. */
  readonly where: string;
}

/** Reads `.shale-lint.toml`. @throws LINT_CONFIG_INVALID with file and line */
export async function readOwnConfig(text: string, path: string): Promise<LintConfig> {
  // Reads TOML, whose strings, dates and dotted keys are more than forty lines; loaded only when there is a file.
  const { parse } = await import('smol-toml');
  let values: Readonly<Record<string, unknown>>;
  try {
    values = parse(text);
  } catch (error) {
    const line = typeof error === 'object' && error !== null && 'line' in error ? `:${String(error.line)}` : '';
    throw new ShaleError('LINT_CONFIG_INVALID', `${path}${line}: ${messageOf(error).split('\n', 1)[0]}`);
  }
  const config: Draft = { ...NO_CONFIG };
  for (const [key, value] of Object.entries(values)) {
    const where = `${path}:${lineOfKey(text, [key])}`;
    const read = Object.hasOwn(KEYS, key) ? KEYS[key] : undefined;
    if (read === undefined) {
      throw new ShaleError('LINT_CONFIG_INVALID', `${where}: there is no setting ${key}`, {
        hint: `the settings are ${Object.keys(KEYS).join(', ')}`,
      });
    }
    const refuse = (why: string): ShaleError => new ShaleError('LINT_CONFIG_INVALID', `${where}: ${key} ${why}`);
    read(config, value, Object.assign(refuse, { where }));
  }
  return config;
}

function texts(value: unknown, refuse: Refuse): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
  throw refuse('is a list of texts');
}

function flag(value: unknown, refuse: Refuse): boolean {
  if (typeof value === 'boolean') return value;
  throw refuse('is true or false');
}

function table(value: unknown, refuse: Refuse): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>; // TOML's tables.
  throw refuse('is a table');
}
