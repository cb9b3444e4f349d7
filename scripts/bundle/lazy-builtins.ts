import { isBuiltin } from 'node:module';
import type { Plugin } from 'rolldown';

/** Used at every start, and cheap: taken at once, so that hot paths call them directly. */
const AT_ONCE = new Set(['node:fs', 'node:path', 'node:os', 'node:url', 'node:util', 'node:events', 'node:module']);

/** Marks a module that stands in for a built-in; such names belong to whoever made them. */
const MARK = '\0stand-in:';

/**
 * Makes `import { createHash } from 'node:crypto'` load nothing until `createHash` is used. Importing a built-in as a
 * module evaluates all its exports, among them getters that load whole subsystems (node:http loads an HTTP client and
 * WebSocket, 10 to 20 ms), so built-ins are taken with process.getBuiltinModule; functions and classes of the dear ones
 * are stood in for by proxies that fetch the real ones when they are first touched.
 */
export function lazyBuiltins(): Plugin {
  return {
    name: 'lazy built-ins',
    resolveId(specifier, importer, { kind }) {
      const ours = importer?.includes('/src/') === true && !importer.includes('/node_modules/');
      const stands = ours && kind === 'import-statement' && specifier.startsWith('node:') && isBuiltin(specifier);
      return stands ? { id: MARK + specifier, moduleSideEffects: false } : undefined;
    },
    async load(id) {
      return id.startsWith(MARK) ? { code: await standIn(id.slice(MARK.length)), moduleType: 'js' } : undefined;
    },
  };
}

/** Whether a module is the stand-in of a built-in. */
export function isStandIn(id: string): boolean {
  return id.startsWith(MARK);
}

async function standIn(name: string): Promise<string> {
  const exports = (await import(name)) as Readonly<Record<string, unknown>>; // A module's namespace.
  const lines = Object.entries(exports)
    .filter(([key]) => /^[A-Za-z_$][\w$]*$/.test(key) && key !== 'default')
    .map(([key, value]) => {
      const canWait =
        typeof value === 'function' || (typeof value === 'object' && value !== null && key !== 'parentPort');
      const how = canWait && !AT_ONCE.has(name) ? 'later' : 'now';
      // Pure, so that what nobody imports is left out.
      return `const $${key} = /* @__PURE__ */ ${how}(${JSON.stringify(key)}); export { $${key} as ${key} };`;
    });
  return `
    const load = () => process.getBuiltinModule(${JSON.stringify(name)});
    const now = (key) => load()[key];
    const later = (key) => {
      const real = () => load()[key];
      return new Proxy(function () {}, {
        apply: (_, self, args) => Reflect.apply(real(), self, args),
        construct: (_, args, target) => Reflect.construct(real(), args, target),
        get: (_, property) => Reflect.get(real(), property),
        has: (_, property) => Reflect.has(real(), property),
        getPrototypeOf: () => Reflect.getPrototypeOf(real()),
      });
    };
    const all = /* @__PURE__ */ load(); export { all as default };
    ${lines.join('\n')}
  `;
}
