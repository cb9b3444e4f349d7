import { ShaleError } from '../../base/index.ts';
import { DEFAULT_SETTINGS, findRule, SEVERITIES, type LintSettings, type Severity } from '../../dockerfile/index.ts';

/** What a project has settled for `shale lint`. */
export interface LintConfig {
  /** The file that says it. */
  readonly path?: string;
  /** By any of the rules' names. */
  readonly ignored: readonly string[];
  readonly enabled: readonly string[];
  /** By the rules' ids. */
  readonly severities: ReadonlyMap<string, Severity>;
  readonly settings: LintSettings;
  /** The mildest finding for which the command ends with 2; `none`: it never does. */
  readonly failureThreshold?: Severity | 'none';
  readonly useInlineIgnores: boolean;
}

export const NO_CONFIG: LintConfig = {
  ignored: [],
  enabled: [],
  severities: new Map(),
  settings: DEFAULT_SETTINGS,
  useInlineIgnores: true,
};

/** The id of the rule that a config names. @throws LINT_CONFIG_INVALID */
export function ruleNamed(name: string, where: string): string {
  const rule = findRule(name);
  if (rule !== undefined) return /^SC\d+$/i.test(name) ? name.toUpperCase() : rule.id;
  throw new ShaleError('LINT_CONFIG_INVALID', `${where}: there is no rule ${name}`, {
    hint: 'shale lint --list-rules shows them',
  });
}

export function isSeverity(text: unknown): text is Severity {
  return SEVERITIES.some((one) => one === text);
}
