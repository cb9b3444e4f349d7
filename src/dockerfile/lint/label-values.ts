import type { LabelKind, LintRule } from './rule.ts';

export interface LabelValue extends Pick<LintRule, 'id' | 'aliases' | 'title' | 'why' | 'bad' | 'good'> {
  readonly kind: LabelKind;
  /** What the example's schema asks for. */
  readonly label: string;
  readonly isValid: (value: string) => boolean;
  /** Completes "the value of x is no …". */
  readonly what: string;
}

/** A rule about the values of labels for which the setting `labels` asks for a kind. */
export function labelRule({ kind, label, isValid, what, ...rule }: LabelValue): LintRule {
  return {
    ...rule,
    topic: 'labels',
    severity: 'warning',
    fix: 'none',
    settings: { labels: { [label]: kind } },
    *check({ steps, settings }) {
      for (const { instruction, before } of steps) {
        if (instruction?.kind !== 'label') continue;
        for (const { name, value } of instruction.pairs) {
          const key = unquoted(name.text);
          const text = unquoted(value.text).replace(
            /\$\{?(\w+)\}?/g,
            (whole, variable: string) => before.variables.get(variable) ?? whole,
          );
          if (!Object.hasOwn(settings.labels, key) || settings.labels[key] !== kind) continue;
          if (text === '' || text.includes('$') || isValid(text)) continue;
          yield { message: `the value of ${key} is no ${what}`, span: value };
        }
      }
    },
  };
}

export function unquoted(text: string): string {
  return text.replace(/^"(.*)"$|^'(.*)'$/s, '$1$2');
}
