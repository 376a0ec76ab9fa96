// The hub that is measured: a child process on a free port, its log in a folder of its own.

import { spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const BINARY = process.env.HEADWATER_BIN ?? fileURLToPath(new URL("../../target/release/headwater", import.meta.url));
/** Of the kernel's clock in /proc, which is the same on every Linux that Node runs on. */
const TICKS_A_SECOND = 100;

/** Starts a hub and waits until it says where it listens. */
export async function startHub() {
  const data = await mkdtemp(join(tmpdir(), "headwater-transports-"));
  const child = spawn(BINARY, ["serve", "--listen", "127.0.0.1:0", "--data", data], { cwd: data });
  let printed = "";
  const url = await new Promise((resolve, reject) => {
    const read = (text) => {
      printed += text;
      const found = /http:\/\/127\.0\.0\.1:\d+/.exec(printed);
      if (found) resolve(found[0]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the hub ended with ${code}:\n${printed}`)));
  });
  return {
    url,
    cpu: () => cpuSeconds(child.pid),
    memory: () => residentBytes(child.pid),
    async stop() {
      const gone = new Promise((resolve) => child.on("close", resolve));
      child.kill("SIGKILL");
      await gone;
      await rm(data, { recursive: true, force: true });
    },
  };
}

async function cpuSeconds(pid) {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

async function residentBytes(pid) {
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)[1]) * 1024;
}
