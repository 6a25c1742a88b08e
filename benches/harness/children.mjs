// Child processes: started on their CPU, and none left behind.
import { spawn } from "node:child_process";

/** The server under test and the generator have a core each. */
export const SERVER_CPU = "0";
const GENERATOR_CPU = "1";

/** A scenario that has not ended by then is stopped, in milliseconds. */
const LONGEST_RUN = 10 * 60 * 1000;

const living = new Set();

/** Starts `command`, pinned to `cpu` if asked; taskset becomes the command, so the id is its own. */
export function child(command, args, { pin, cpu, ...settings }) {
  const [file, list] = pin ? ["taskset", ["-c", cpu, command, ...args]] : [command, args];
  const started = spawn(file, list, settings);
  living.add(started);
  const ended = new Promise((resolve) => {
    started.on("error", (error) => resolve(error.message));
    started.on("close", (code, signal) => resolve(signal ?? code));
  }).finally(() => living.delete(started));
  return { process: started, ended };
}

/** For the way out: what still runs is ended at once. */
export function stopAll() {
  for (const started of living) started.kill("SIGKILL");
}

/** Runs the load generator; its result, or an error with its one line of complaint. */
export async function load({ folder, pin }, args) {
  const generator = child(`${folder}/packetboat-load`, args, {
    pin,
    cpu: GENERATOR_CPU,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const said = { stdout: "", stderr: "" };
  for (const stream of ["stdout", "stderr"]) {
    generator.process[stream].setEncoding("utf8").on("data", (text) => (said[stream] += text));
  }
  const limit = setTimeout(() => generator.process.kill("SIGKILL"), LONGEST_RUN);
  const code = await generator.ended;
  clearTimeout(limit);
  if (code !== 0) throw new Error(said.stderr.trim() || `the generator ended with ${code}`);
  return JSON.parse(said.stdout);
}
