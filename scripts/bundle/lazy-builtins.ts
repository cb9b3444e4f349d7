import { isBuiltin } from 'node:module';
import type { Plugin } from 'esbuild';

/** Used at every start, and cheap: taken at once, so that hot paths call them directly. */
const AT_ONCE = new Set(['node:fs', 'node:path', 'node:os', 'node:url', 'node:util', 'node:events', 'node:module']);

/**
 * Makes `import { createHash } from 'node:crypto'` load nothing until `createHash` is used. Importing a built-in as a
 * module evaluates all its exports, among them getters that load whole subsystems (node:http loads an HTTP client and
 * WebSocket, 10 to 20 ms), so built-ins are taken with process.getBuiltinModule; functions and classes of the dear ones
 * are stood in for by proxies that fetch the real ones when they are first touched.
 */
export function lazyBuiltins(): Plugin {
  return {
    name: 'lazy built-ins',
    setup: (build) => {
      build.onResolve({ filter: /^node:/ }, ({ path, importer, kind }) => {
        const ours = importer.includes('/src/') && !importer.includes('/node_modules/');
        return ours && kind === 'import-statement' && isBuiltin(path) ? { path, namespace: 'builtin' } : undefined;
      });
      build.onLoad({ filter: /.*/, namespace: 'builtin' }, async ({ path }) => ({ contents: await standIn(path) }));
    },
  };
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
