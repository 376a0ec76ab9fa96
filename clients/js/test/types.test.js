// The JSDoc types hold, and a program in TypeScript can use what is generated of them.

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { test } from "node:test";

const ROOT = fileURLToPath(new URL("..", import.meta.url));

function npm(...words) {
  const { status, stdout, stderr } = spawnSync("npm", ["run", "--silent", ...words], { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
}

test("the sources are well typed", () => npm("check"));

test("a program in TypeScript compiles against the generated types", () => {
  npm("types");
  const { status, stdout, stderr } = spawnSync("npx", ["tsc", "--project", "test/types"], { cwd: ROOT, encoding: "utf8" });
  assert.equal(status, 0, stdout + stderr);
});
