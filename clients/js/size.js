// What the package weighs in a page: minified and gzipped, by what a page imports.

import { gzipSync } from "node:zlib";
import { build } from "esbuild";

const ROOT = new URL(".", import.meta.url).pathname;

/** What a page writes, by name. */
const PAGES = {
  core: 'export { subscribe } from "./src/index.js";',
  browsers: 'export * from "./src/index.js"; export * from "./src/eventsource.js";',
  decode: 'export { events } from "./src/decode.js";',
};

/**
 * Bytes that a page loads at the start, and with every part that may follow.
 * @param {keyof typeof PAGES} page
 */
export async function size(page) {
  const { metafile, outputFiles } = await build({
    stdin: { contents: PAGES[page], resolveDir: ROOT },
    absWorkingDir: ROOT,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    target: "es2022",
    outdir: "out",
    write: false,
    metafile: true,
  });
  const weights = new Map(outputFiles.map(({ path, contents }) => [path.slice(ROOT.length), gzipSync(contents, { level: 9 }).length]));
  /** @type {Set<string>} */
  const start = new Set();
  const visit = (/** @type {string} */ output) => {
    if (start.has(output)) return;
    start.add(output);
    for (const { path, kind } of metafile.outputs[output].imports) if (kind === "import-statement") visit(path);
  };
  visit("out/stdin.js");
  const sum = (/** @type {Iterable<string>} */ outputs) => [...outputs].reduce((total, output) => total + (weights.get(output) ?? 0), 0);
  return { start: sum(start), whole: sum(weights.keys()) };
}

if (process.argv[1] === new URL(import.meta.url).pathname) {
  for (const page of /** @type {(keyof typeof PAGES)[]} */ (Object.keys(PAGES))) {
    const { start, whole } = await size(page);
    console.log(`${page}: ${start} bytes at the start, ${whole} with every part`);
  }
}
