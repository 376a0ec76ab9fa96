// Bundles a page's script with the packages of this suite and our own client.

import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const path = (/** @type {string} */ name) => fileURLToPath(new URL(`../${name}`, import.meta.url));
const client = (/** @type {string} */ name) => path(`../../clients/js/src/${name}.js`);

/**
 * @param {string} entry a file of this suite
 * @returns {Promise<string>} one script
 */
export async function bundle(entry) {
  const { outputFiles } = await build({
    entryPoints: [path(entry)],
    bundle: true,
    write: false,
    format: "iife",
    jsx: "automatic",
    define: { "process.env.NODE_ENV": '"development"' },
    // One copy of each framework, whatever else is installed beside the client.
    alias: {
      "headwater/react": client("react"),
      "headwater/vue": client("vue"),
      react: path("node_modules/react"),
      "react-dom": path("node_modules/react-dom"),
      vue: path("node_modules/vue"),
    },
  });
  return outputFiles[0].text;
}
