import type { Command } from '../command.ts';
import type { EffectiveConfig, Source } from '../config/load.ts';
import { SETTING_KEYS } from '../config/settings.ts';
import { formatTable } from '../output/table.ts';

export const command: Command = {
  usage: '[OPTIONS]',
  description:
    'Settings come from /etc/shale/config.toml, then ~/.config/shale/config.toml, then the environment; later ones win. ' +
    'Unknown settings in a file are errors.\n\n' +
    SETTING_KEYS.map((row) => `  ${row.key.padEnd(18)} ${row.env.padEnd(24)} ${row.summary}`).join('\n'),
  flags: [{ kind: 'text', name: 'format', value: 'json', choices: ['json'], summary: 'print JSON' }],
  args: { min: 0, max: 0 },
  examples: [{ command: 'shale config', says: 'what holds, and why' }],
  run: async (context, { flags }) => {
    const config = await context.config();
    const text = flags.text('format') === 'json' ? configJson(config) : formatConfig(config);
    await context.stdout.write(text);
  },
};

export function formatConfig(config: EffectiveConfig): string {
  const rows = SETTING_KEYS.map((row) => [row.key, shown(config, row) ?? '', sourceText(config, row.name)]);
  const files = config.files.map(({ path, found }) => `${path}${found ? '' : ' (absent)'}\n`);
  return `${formatTable([['SETTING', 'VALUE', 'SOURCE'], ...rows])}\nfiles: ${files.join('       ')}`;
}

function configJson(config: EffectiveConfig): string {
  const rows = SETTING_KEYS.map((row) => [
    row.key,
    { value: config.settings[row.name] ?? null, source: sourceText(config, row.name) },
  ]);
  return `${JSON.stringify(Object.fromEntries(rows), null, 2)}\n`;
}

function shown(config: EffectiveConfig, row: (typeof SETTING_KEYS)[number]): string | undefined {
  const value = config.settings[row.name];
  return value === undefined ? undefined : row.show(value);
}

function sourceText(config: EffectiveConfig, name: (typeof SETTING_KEYS)[number]['name']): string {
  const source: Source = config.sources.get(name) ?? { kind: 'default' };
  switch (source.kind) {
    case 'default':
      return 'default';
    case 'file':
      return `${source.path}:${source.line}`;
    case 'environment':
      return source.variable;
  }
}
