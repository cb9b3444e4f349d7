import type { CaseGroup } from '../cases.ts';
import { add } from './add.ts';
import { args } from './args.ts';
import { copy } from './copy.ts';
import { copyFlags } from './copy-flags.ts';
import { copyLink } from './copy-link.ts';
import { files } from './files.ts';
import { heredocs } from './heredocs.ts';
import { metadata } from './metadata.ts';
import { mountForms } from './mount-forms.ts';
import { mounts } from './mounts.ts';
import { run } from './run.ts';
import { stages } from './stages.ts';
import { variables } from './variables.ts';

export const GROUPS: readonly CaseGroup[] = [
  variables,
  args,
  metadata,
  copy,
  copyFlags,
  copyLink,
  add,
  heredocs,
  run,
  mounts,
  mountForms,
  stages,
  files,
];
