import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { joinModules } from './join-modules.ts';

export interface PageText {
  readonly script: string;
  readonly style: string;
}

let made: PageText | undefined;

/**
 * The page's script and style. In a checkout they are made of the files in `ui/explore/`; in the published bundle this module
 * is replaced by one that holds them (scripts/bundle/page.ts).
 */
export function pageText(): PageText {
  made ??= {
    script: joinModules('main.ts', (path) => readPart(path)),
    style: readPart('page.css'),
  };
  return made;
}

function readPart(path: string): string {
  return readFileSync(fileURLToPath(new URL(`../../ui/explore/${path}`, import.meta.url)), 'utf8');
}
