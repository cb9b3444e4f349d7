import { parseAssignments } from '../options/assignments.ts';
import type { Command } from '../command.ts';
import { optional } from './run.ts';

export const command: Command = {
  usage: '[OPTIONS] LIST IMAGE',
  flags: [
    { kind: 'text', name: 'os', value: 'OS', summary: 'the operating system that the image is for' },
    { kind: 'text', name: 'arch', value: 'ARCH', summary: 'the architecture' },
    { kind: 'text', name: 'variant', value: 'VARIANT', summary: 'the variant of the architecture' },
    { kind: 'text', name: 'os-version', value: 'VERSION', summary: 'the version of the operating system' },
    { kind: 'list', name: 'annotation', value: 'KEY=VALUE', summary: 'annotate the entry of the image' },
  ],
  refused: [{ name: 'os-features', why: 'shale keeps no features of systems' }],
  args: { min: 2, max: 2, complete: 'image' },
  examples: [
    {
      command: 'shale manifest annotate registry.example/web:1 registry.example/web:1-arm --arch arm --variant v6',
      says: 'for which machine an image is',
    },
  ],
  run: async (context, { flags, args }) => {
    const [list = '', image = ''] = args;
    const engine = await context.engine();
    const request = {
      list,
      image,
      ...optional('os', flags.text('os')),
      ...optional('architecture', flags.text('arch')),
      ...optional('variant', flags.text('variant')),
      ...optional('osVersion', flags.text('os-version')),
      annotations: parseAssignments('annotation', flags.list('annotation'), context.env),
    };
    await engine.manifests.annotate(request, { signal: context.signal });
  },
};
