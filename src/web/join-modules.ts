import { stripTypeScriptTypes } from 'node:module';
import { posix } from 'node:path';

const IMPORT: RegExp = /^import\s*\{([^}]*)\}\s*from\s*'([^']+)';/gm;
const EXPORT: RegExp = /^export ((?:async )?function|class|const) (\w+)/gm;
/** What the two above do not take must not be there. */
const REST: RegExp = /^(?:import|export)\b.*/m;

/**
 * Makes one script of TypeScript modules, for browsers: types are blanked out, each module becomes a function that is called
 * once, after those that it imports. Only `import { a, b as c } from './file.ts'` and `export function`, `class` and `const`
 * are known; anything else throws, as a cycle does. Nothing is renamed or moved, so that errors name the lines of the files.
 *
 * @param entry path of the first module, as `read` takes it
 * @param read gives the text of a module
 */
export function joinModules(entry: string, read: (path: string) => string): string {
  const parts: string[] = [];
  const names = new Map<string, string>();
  const open: string[] = [];
  const add = (path: string): string => {
    const known = names.get(path);
    if (known !== undefined) return known;
    if (open.includes(path)) throw new Error(`modules import each other: ${[...open, path].join(' -> ')}`);
    open.push(path);
    const exported: string[] = [];
    const text = stripTypeScriptTypes(read(path))
      .replaceAll(IMPORT, (_, list: string, from: string) => {
        const imported = posix.join(posix.dirname(path), from);
        if (!from.startsWith('.') || imported.startsWith('..'))
          throw new Error(`${path} imports ${from}, which browsers do not have`);
        return `const {${list.replaceAll(' as ', ': ')}} = ${add(imported)};`;
      })
      .replaceAll(EXPORT, (_, what: string, name: string) => {
        exported.push(name);
        return `${what} ${name}`;
      });
    const [rest] = REST.exec(text) ?? [];
    if (rest !== undefined) throw new Error(`${path}: cannot be joined: ${rest}`);
    open.pop();
    const name = `module${names.size}`;
    names.set(path, name);
    parts.push(
      `// ${path}\nconst ${name} = (() => {\n${withoutBlanks(text)}\nreturn { ${exported.join(', ')} };\n})();\n`,
    );
    return name;
  };
  add(entry);
  return `'use strict';\n(() => {\n${parts.join('')}})();\n`;
}

/** Where types were there are blanks: spaces at ends of lines, and lines of nothing else. */
function withoutBlanks(text: string): string {
  return text.replaceAll(/[ \t]+$/gm, '').replaceAll(/\n{3,}/g, '\n\n');
}
