// What is run for each scenario, which of its figures are shown, and the Markdown table.

const KIB = 1024;
const MIB = 1024 * 1024;

const latency = (name) => [
  { title: `${name}p50, ms`, value: (r) => r.latency.p50_ms, better: "less" },
  { title: `${name}p99, ms`, value: (r) => r.latency.p99_ms, better: "less" },
];
const cpu = { title: "server CPU-s a million deliveries", value: (r) => r.server_cpu_s_per_million, better: "less" };
const rss = { title: "server memory, MiB", value: (r) => r.server_rss_bytes / MIB, better: "less" };

/** By name: arguments for the generator, and the rows of the table. */
export const scenarios = {
  saturated: {
    title: "1,000 receivers, saturated",
    arguments: (quick) => ["--seconds", quick ? "4" : "10"],
    rows: [
      { title: "deliveries/s", value: (r) => r.deliveries_per_s, better: "more" },
      cpu,
      ...latency(""),
      rss,
      { title: "server busy, % of its core", value: (r) => r.server_cpu_share * 100 },
      { title: "generator busy, % of its core", value: (r) => r.generator_cpu_share * 100 },
    ],
  },
  paced: {
    title: "1,000 receivers, 20 messages/s",
    arguments: (quick) => ["--rate", "20", "--seconds", quick ? "5" : "15"],
    rows: [cpu, ...latency(""), { title: "messages left out", value: (r) => r.left_out }],
  },
  idle: {
    title: "10,000 idle connections",
    arguments: () => ["--connections", "10000"],
    rows: [
      { title: "memory a connection, KiB (RSS)", value: (r) => r.rss_per_connection_bytes / KIB, better: "less" },
      { title: "memory a connection, KiB (PSS)", value: (r) => r.pss_per_connection_bytes / KIB, better: "less" },
      { title: "server memory with all, MiB", value: (r) => r.rss_after_bytes / MIB, better: "less" },
    ],
  },
  mass: {
    title: "5,000 connections vanish",
    arguments: (quick) => ["--connections", "5000", "--seconds", quick ? "5" : "10"],
    rows: [
      { title: "newcomers' time to service, p99, ms", value: (r) => r.time_to_service.p99_ms, better: "less" },
      { title: "the longest, ms", value: (r) => r.time_to_service.worst_ms, better: "less" },
      { title: "newcomers not served", value: (r) => r.unserved },
    ],
  },
  storm: {
    title: "10,000 come back at once, 2,000 messages missed each",
    // Only ours: the peers have no catching up.
    only: "packetboat",
    arguments: () => ["--dialect", "packetboat.v1", "--connections", "10000", "--receivers", "200"],
    rows: [
      { title: "until all are caught up and stay, s", value: (r) => r.back_in_s, better: "less" },
      { title: "cut off meanwhile", value: (r) => r.cut },
      { title: "highest server memory, MiB", value: (r) => r.rss_highest_bytes / MIB, better: "less" },
      ...latency("others' "),
    ],
  },
  vanish: {
    title: "5,000 vanish, 5,000 stay",
    only: "packetboat",
    arguments: (quick) => ["--connections", "5000", "--receivers", "5000", "--seconds", quick ? "10" : "15"],
    rows: [
      ...latency("others' "),
      { title: "others' longest, ms", value: (r) => r.latency.worst_ms, better: "less" },
    ],
  },
  handoff: {
    title: "256 MB from one to another (share), beside nc",
    only: "packetboat",
    arguments: () => ["--dialect", "share", "--megabytes", "256"],
    rows: [
      { title: "MB/s of plain bytes", value: (r) => r.mb_per_s },
      { title: "server CPU-s a GiB", value: (r) => r.server_cpu_s_per_gib },
      { title: "server busy, % of its core", value: (r) => r.server_cpu_share * 100 },
      { title: "generator busy, % of its core", value: (r) => r.generator_cpu_share * 100 },
      { title: "nc, MB/s", value: (r) => r.nc_mb_per_s },
      { title: "nc, CPU-s a GiB", value: (r) => r.nc_cpu_s_per_gib },
      { title: "until the first chunk, p50, ms", value: (r) => r.first_chunk.p50_ms },
      { title: "until the first chunk, the longest, ms", value: (r) => r.first_chunk.worst_ms },
    ],
  },
  members: {
    title: "10,000 members in 2,000 sessions (share), idle",
    only: "packetboat",
    arguments: () => ["--dialect", "share", "--connections", "10000"],
    rows: [
      { title: "memory a member, KiB (RSS)", value: (r) => r.rss_per_member_bytes / KIB },
      { title: "memory a member, KiB (heap)", value: (r) => r.heap_per_member_bytes / KIB },
      { title: "server memory with all, MiB", value: (r) => r.rss_after_bytes / MIB },
    ],
  },
  trickle: {
    title: "one reads events at 10 KB/s (share)",
    only: "packetboat",
    arguments: (quick) => ["--dialect", "share", "--rate", "10240", "--seconds", quick ? "10" : "30"],
    rows: [
      { title: "chunks asked beyond what is read or in socket buffers", value: (r) => r.chunks_ahead },
      { title: "chunks asked", value: (r) => r.chunks_asked },
      { title: "server memory growth, MiB", value: (r) => r.rss_growth_bytes / MIB },
      { title: "of which heap, MiB", value: (r) => r.heap_growth_bytes / MIB },
      { title: "the sender hears that the reader left after, s", value: (r) => r.told_of_leaving_s },
    ],
  },
  slow: {
    title: "1,000 receivers, 500 messages/s, one stops reading",
    // Only ours: the peers neither deliver 500,000 messages a second on one core nor cut a
    // slow reader off.
    only: "packetboat",
    // A long warm-up: caches fill for half a minute, and memory is what is compared.
    arguments: (quick) => ["--rate", "500", "--text", "250", "--warmup", "40", "--seconds", quick ? "5" : "10"],
    rows: [
      { title: "p99 of the others without it, ms", value: (r) => r.without.latency.p99_ms },
      { title: "p99 of the others with it, ms", value: (r) => r.with.latency.p99_ms },
      { title: "messages left out, both phases", value: (r) => r.without.left_out + r.with.left_out },
      { title: "server memory growth, MiB", value: (r) => r.rss_growth_bytes / MIB },
      { title: "cut off after, s", value: (r) => (r.cut_off ? r.stalled_s : "never") },
      { title: "how it ended (close code)", value: (r) => String(r.ending) },
    ],
  },
};

/** The middle of the numbers; words are listed as they differ. */
function median(values) {
  if (values.some((value) => typeof value !== "number")) return [...new Set(values.map(String))].join(", ");
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function shown(value) {
  if (typeof value !== "number") return value;
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString("en-US", { maximumFractionDigits: digits });
}

/** How many times better the first is than the other, by the row's own idea of better. */
function ratio(better, own, other) {
  if (!better || typeof own !== "number" || typeof other !== "number") return "";
  const [over, under] = better === "more" ? [own, other] : [other, own];
  return over > 0 && under > 0 ? `${shown(over / under)} ×` : "";
}

/** One Markdown table: a row a figure, a column a server, then how the first compares. */
export function table(results, servers) {
  const [first, ...others] = servers;
  const compared = first?.name === "packetboat" ? others : [];
  const columns = [
    "",
    ...servers.map((server) => server.label),
    ...compared.map((server) => `better than ${server.label}`),
  ];
  const lines = [columns, columns.map((_, index) => (index === 0 ? "---" : "---:"))];
  for (const [name, scenario] of Object.entries(scenarios)) {
    const ofScenario = results.filter((result) => result.scenario === name);
    if (ofScenario.length === 0) continue;
    lines.push([`**${scenario.title}**`, ...columns.slice(1).map(() => "")]);
    for (const row of scenario.rows) {
      const values = servers.map((server) => {
        const own = ofScenario.filter((result) => result.server === server.name);
        if (own.length === 0) return "–";
        const good = own.filter((result) => !result.error);
        return good.length === 0 ? "failed" : median(good.map(row.value));
      });
      const ratios = compared.map((_, index) => ratio(row.better, values[0], values[index + 1]));
      lines.push([row.title, ...values.map(shown), ...ratios]);
    }
  }
  const failed = results.filter((result) => result.error);
  const notes = failed.map((f) => `\nRound ${f.round}, ${f.scenario}, ${f.server} failed: ${f.error}`);
  return [...lines.map((cells) => `| ${cells.join(" | ")} |`), ...notes].join("\n");
}
