import { resolve } from 'node:path';
import { RULES, SEVERITIES, type Severity } from '../../dockerfile/index.ts';
import { findConfig, isSeverity, loadConfigFile, NO_CONFIG, ruleNamed, type LintConfig } from '../../lint/index.ts';
import type { Flag } from '../command.ts';
import type { Context } from '../context.ts';
import type { ParsedFlags } from '../parse-flags.ts';
import { UsageError } from '../usage-error.ts';

/** Flags that say which rules speak, and how loud. */
export const RULE_FLAGS: readonly Flag[] = [
  { kind: 'list', name: 'ignore', value: 'RULE', summary: 'keep a rule silent, by any of its names' },
  { kind: 'list', name: 'enable', value: 'RULE', summary: 'let a rule speak that is off by itself' },
  { kind: 'list', name: 'severity', value: 'RULE=LEVEL', summary: 'give a rule another severity' },
  {
    kind: 'list',
    name: 'trusted-registry',
    value: 'HOST',
    summary: 'images may come from here only; with * at an end',
  },
  { kind: 'boolean', name: 'inline-ignores', default: true, summary: 'heed comments that keep rules silent' },
  { kind: 'text', name: 'config', value: 'FILE', summary: 'read this config: ours or that of hadolint' },
  { kind: 'boolean', name: 'no-config', summary: 'read no config' },
  {
    kind: 'text',
    name: 'failure-threshold',
    short: 't',
    value: 'LEVEL',
    choices: [...SEVERITIES, 'none'],
    summary: 'the mildest finding that makes the status 2; none: always 0 (style unless a config says otherwise)',
  },
];

/** The config that is found or named, with the flags on top. @throws USAGE, LINT_CONFIG_INVALID */
export async function lintConfig(context: Context, flags: ParsedFlags): Promise<LintConfig> {
  const named = flags.text('config');
  if (named !== undefined && flags.boolean('no-config'))
    throw new UsageError('--config and --no-config exclude each other');
  const config =
    named !== undefined
      ? await loadConfigFile(resolve(context.cwd, named))
      : flags.boolean('no-config')
        ? NO_CONFIG
        : await findConfig(context.cwd);
  const trusted = flags.list('trusted-registry');
  const threshold = flags.text('failure-threshold');
  return {
    ...config,
    ignored: [
      ...config.ignored,
      ...flags
        .list('ignore')
        .flatMap(names)
        .map((name) => ruleNamed(name, '--ignore')),
    ],
    enabled: [
      ...config.enabled,
      ...flags
        .list('enable')
        .flatMap(names)
        .map((name) => enabledRule(name)),
    ],
    severities: new Map([...config.severities, ...flags.list('severity').map(severityOf)]),
    settings: { ...config.settings, ...(trusted.length === 0 ? {} : { trustedRegistries: trusted }) },
    useInlineIgnores: config.useInlineIgnores && flags.boolean('inline-ignores'),
    ...(isSeverity(threshold) || threshold === 'none' ? { failureThreshold: threshold } : {}),
  };
}

function names(text: string): string[] {
  return text.split(',').filter((name) => name !== '');
}

function enabledRule(name: string): string {
  return name === 'all' ? name : ruleNamed(name, '--enable');
}

function severityOf(text: string): readonly [string, Severity] {
  const [name = '', level] = text.split('=');
  if (!isSeverity(level)) {
    throw new UsageError(
      `--severity takes RULE=LEVEL, not ${text}`,
      `--severity apt-pin=error; ${SEVERITIES.join(', ')}`,
    );
  }
  return [ruleNamed(name, '--severity'), level];
}

/** `all` stands for every rule that is off by itself. */
export function enabledRules(enabled: readonly string[]): readonly string[] {
  return enabled.includes('all') ? RULES.map(({ id }) => id) : enabled;
}
