// What the package weighs in a page, in bytes: bundled and minified by esbuild, gzipped.
//
// Imports that a page makes only when it needs them (`import()`) are left out of what it loads before its stream opens, as
// bundlers make files of their own of them; a whole bundle has them inside.

import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = new URL(".", import.meta.url).pathname;

/**
 * What is weighed: what a page writes, and whether the parts that may be loaded later are inside.
 * @type {Record<string, {page: string, whole: boolean}>}
 */
const BUNDLES = {
  // To open a stream, decode it, come back after each end of it, and iterate over its items.
  core: { page: 'export { subscribe } from "./src/index.js";', whole: false },
  // Everything there is for browsers: also the class `EventSource`, stores, long poll, tabs, refusals, the life of the page.
  all: { page: 'export * from "./src/index.js"; export * from "./src/eventsource.js";', whole: true },
  decode: { page: 'export { events } from "./src/decode.js";', whole: true },
};

/** @type {import("esbuild").Plugin} */
const later = {
  name: "later",
  setup({ onResolve }) {
    onResolve({ filter: /^/ }, ({ kind, path }) => (kind === "dynamic-import" ? { path, external: true } : undefined));
  },
};

/** @param {keyof typeof BUNDLES} name */
export async function size(name) {
  const { page, whole } = BUNDLES[name];
  const { outputFiles } = await build({
    stdin: { contents: page, resolveDir: ROOT },
    bundle: true,
    minify: true,
    format: "esm",
    target: "es2022",
    write: false,
    plugins: whole ? [] : [later],
  });
  return gzipSync(outputFiles[0].contents, { level: 9 }).length;
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const name of Object.keys(BUNDLES)) console.log(`${name}: ${await size(name)} bytes`);
}
