// The one command: options, the order of runs, where results go. It measures nothing
// itself; the load generator does, and the table is made from what it prints.
import { spawnSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from "node:fs";
import { cpus, release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { load, stopAll } from "./children.mjs";
import { describe, servers, start } from "./servers.mjs";
import { scenarios, table } from "./table.mjs";

const benches = dirname(dirname(fileURLToPath(import.meta.url)));

const USAGE = `usage: benches/run [options]
  --rounds N        rounds over all servers; the median is shown (3)
  --quick           one round, shorter
  --scenario NAME   only this one; may be repeated: ${Object.keys(scenarios).join(", ")}
  --server NAME     only this one; may be repeated: ${servers.map((s) => s.name).join(", ")}
  --no-build        take the binaries and packages that are there
  --no-pin          let the scheduler place server and generator`;

function options() {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      quick: { type: "boolean", default: false },
      scenario: { type: "string", multiple: true, default: Object.keys(scenarios) },
      server: { type: "string", multiple: true, default: servers.map((s) => s.name) },
      "no-build": { type: "boolean", default: false },
      "no-pin": { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  const rounds = values.quick ? 1 : Number(values.rounds);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error("--rounds must be a whole number from 1");
  for (const name of values.scenario) {
    if (!scenarios[name]) throw new Error(`unknown scenario "${name}"`);
  }
  for (const name of values.server) {
    if (!servers.some((server) => server.name === name)) throw new Error(`unknown server "${name}"`);
  }
  return { ...values, rounds, pin: !values["no-pin"], build: !values["no-build"] };
}

function must(command, args, settings = {}) {
  const done = spawnSync(command, args, { stdio: ["ignore", "inherit", "inherit"], ...settings });
  if (done.error) throw new Error(`${command}: ${done.error.message}`);
  if (done.status !== 0) throw new Error(`${command} ${args.join(" ")} failed`);
  return done.stdout;
}

/** The folder of release binaries; what the asked servers need is built unless asked not to. */
function binaries({ build, server }) {
  const needed = server.includes("packetboat") ? ["packetboat", "packetboat-load"] : ["packetboat-load"];
  const quiet = { stdio: ["ignore", "pipe", "inherit"], encoding: "utf8", cwd: benches };
  const metadata = JSON.parse(must("cargo", ["metadata", "--no-deps", "--format-version", "1"], {
    ...quiet,
    maxBuffer: 1 << 26,
  }));
  if (build) {
    // Results own stdout; what cargo and npm say goes to stderr.
    const loud = { stdio: ["ignore", 2, 2], cwd: benches };
    must("cargo", ["build", "--release", ...needed.flatMap((name) => ["-p", name])], loud);
    must("npm", ["ci"], { ...loud, cwd: join(benches, "peers") });
  }
  const folder = join(metadata.target_directory, "release");
  for (const name of needed) {
    if (!existsSync(join(folder, name))) throw new Error(`${name} is not built: leave out --no-build`);
  }
  return folder;
}

async function measureOne(server, scenario, context) {
  const running = await start(server, context);
  try {
    const args = scenarios[scenario].arguments(context.quick);
    const own = ["--dialect", server.dialect, "--target", running.target, "--pid", String(running.pid)];
    return await load(context, [scenario, ...own, ...args]);
  } catch (error) {
    throw new Error(`${error.message}\n${running.logs()}`);
  } finally {
    await running.stop();
  }
}

async function measure(asked, context, file) {
  const results = [];
  for (let round = 1; round <= asked.rounds; round++) {
    for (const scenario of asked.scenario) {
      for (const server of servers.filter(({ name }) => asked.server.includes(name))) {
        if (scenarios[scenario].only && scenarios[scenario].only !== server.name) continue;
        process.stderr.write(`round ${round}/${asked.rounds}: ${scenario}, ${server.label}\n`);
        let result;
        try {
          result = await measureOne(server, scenario, context);
        } catch (error) {
          process.stderr.write(`  failed: ${error.message}\n`);
          result = { scenario, error: error.message.split("\n")[0] };
        }
        results.push({ ...result, server: server.name, round });
        appendFileSync(file, `${JSON.stringify(results.at(-1))}\n`);
      }
    }
  }
  return results;
}

function header(asked, context) {
  const place = context.pin
    ? "the server on CPU 0 and the generator on CPU 1 (taskset): no server has more than one core"
    : "not pinned";
  const shown = servers.filter(({ name }) => asked.server.includes(name));
  return [
    `${cpus().length} × ${cpus()[0]?.model ?? "unknown CPU"}, Linux ${release()}; ${place}.`,
    `${shown.map((server) => describe(server, context)).join("; ")}.`,
    `${asked.rounds === 1 ? "One round" : `Medians of ${asked.rounds} interleaved rounds`}; a fresh server each.`,
  ].join("\n");
}

async function main() {
  const asked = options();
  if (asked.help) return console.log(USAGE);
  const folder = binaries(asked);
  const scratch = mkdtempSync(join(tmpdir(), "packetboat-bench-"));
  const tidy = () => {
    stopAll();
    rmSync(scratch, { recursive: true, force: true });
  };
  process.on("exit", tidy);
  for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit(130));
  const context = { benches, folder, scratch, pin: asked.pin, quick: asked.quick };
  const results = join(benches, "results");
  mkdirSync(results, { recursive: true });
  const file = join(results, `${new Date().toISOString().replaceAll(":", "-")}.jsonl`);
  const measured = await measure(asked, context, file);
  console.log(`${header(asked, context)}\n\n${table(measured, servers.filter((s) => asked.server.includes(s.name)))}`);
  process.stderr.write(`\nevery figure: ${file}\n`);
  if (measured.some((result) => result.error)) process.exitCode = 1;
}

main().catch((error) => {
  process.stderr.write(`benches/run: ${error.message}\n`);
  process.exit(1);
});
