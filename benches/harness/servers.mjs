// The servers that are measured: how each is started, and how it is known to be ready.
// All print their address on stdout once they listen, on a port the system chose.
import { spawnSync } from "node:child_process";
import { closeSync, mkdtempSync, openSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { SERVER_CPU, child } from "./children.mjs";

/** A server that is not ready, or not gone, within this is given up, in milliseconds. */
const PATIENCE = 20_000;

const peer = (file) => ({ benches }) => [process.execPath, [join(benches, "peers", file)]];

/** The first is the one the others are compared with. */
export const servers = [
  {
    name: "packetboat",
    label: "Packetboat",
    dialect: "packetboat",
    command: ({ folder, scratch }) => [
      join(folder, "packetboat"),
      ["serve", "--listen", "127.0.0.1:0", "--data", mkdtempSync(join(scratch, "data-"))],
    ],
    // The users of the generator all come from one address, and join within seconds.
    environment: { PACKETBOAT_LIMITS__EXEMPT: "127.0.0.0/8", PACKETBOAT_SHARE__JOINS_A_MINUTE: "100000" },
  },
  { name: "ws", label: "Node ws", dialect: "ws", command: peer("ws-broadcast.mjs"), module: "ws" },
  {
    name: "socketio",
    label: "Socket.IO",
    dialect: "socketio",
    command: peer("socketio.mjs"),
    module: "socket.io",
  },
];

/** A server's name and version. */
export function describe({ label, module }, { benches, folder }) {
  if (!module) {
    const version = spawnSync(join(folder, "packetboat"), ["--version"], { encoding: "utf8" });
    return `${label} ${version.stdout?.trim().split(" ").at(-1) ?? ""}`;
  }
  const require = createRequire(join(benches, "peers", "package.json"));
  return `${label} ${require(`${module}/package.json`).version} on Node ${process.version}`;
}

/** Starts a server and waits until it says where it listens. */
export async function start(server, context) {
  const [command, args] = server.command(context);
  const log = join(context.scratch, `${server.name}.log`);
  const errors = openSync(log, "w");
  const running = child(command, args, {
    pin: context.pin,
    cpu: SERVER_CPU,
    cwd: context.scratch,
    env: { ...inherited(), ...server.environment },
    stdio: ["ignore", "pipe", errors],
  });
  closeSync(errors);
  const logs = () => readFileSync(log, "utf8").trimEnd().split("\n").slice(-10).join("\n");
  const stop = async () => {
    running.process.kill("SIGTERM");
    const limit = setTimeout(() => running.process.kill("SIGKILL"), PATIENCE);
    await running.ended;
    clearTimeout(limit);
  };
  const port = await ready(running);
  if (port === undefined) {
    await stop();
    throw new Error(`${server.label} did not start\n${logs()}`);
  }
  return { pid: running.process.pid, target: `127.0.0.1:${port}`, logs, stop };
}

/** Our environment without the caller's own settings of Packetboat. */
function inherited() {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith("PACKETBOAT_")));
}

/** The port in the address a server prints; undefined if it ends or stays silent. */
function ready(running) {
  const printed = new Promise((resolve) => {
    let text = "";
    running.process.stdout.setEncoding("utf8").on("data", (more) => {
      // After the address nothing is kept, but stdout is read on, so that it never blocks.
      if (text.length < 65536) text += more;
      const address = /https?:\/\/[^\s/]+:(\d+)/.exec(text);
      if (address) resolve(address[1]);
    });
  });
  let timer;
  const late = new Promise((resolve) => (timer = setTimeout(resolve, PATIENCE)));
  return Promise.race([printed, running.ended.then(() => undefined), late]).finally(() => clearTimeout(timer));
}
