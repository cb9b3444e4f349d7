import type { Plugin } from 'rolldown';
import { pageText } from '../../src/web/index.ts';

/** The module that makes the page's script of the files in `ui/`, which are not published. */
const MAKER: RegExp = /\/src\/web\/page-text\.ts$/;

/** Puts the page of `shale explore` into the bundle, made as a checkout makes it at its first use. */
export function pageOfExplore(): Plugin {
  return {
    name: 'page of explore',
    load: {
      filter: { id: MAKER },
      handler: () => ({
        code: `const text = ${JSON.stringify(pageText())}; export function pageText() { return text; }`,
        moduleType: 'js',
      }),
    },
  };
}
