/**
 * Playwright against the real binary. Each test file starts its own server on a free port
 * with an empty data folder (support/server.mjs), so files may run side by side.
 */

import { defineConfig } from "@playwright/test";

/** Nothing but the page under test may use the network. */
const QUIET = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--no-first-run",
  "--disable-quic",
];

export default defineConfig({
  testDir: "tests",
  timeout: 60_000,
  expect: { timeout: 15_000 },
  fullyParallel: false,
  workers: 2,
  retries: 0,
  forbidOnly: true,
  reporter: process.env.CI ? [["line"]] : [["list"]],
  use: {
    locale: "en-GB",
    viewport: { width: 1280, height: 800 },
    screenshot: "only-on-failure",
    // Recording every step costs a third of the time; `TRACE=1` when hunting something.
    trace: process.env.TRACE ? "retain-on-failure" : "off",
    launchOptions: {
      executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
      args: QUIET,
    },
  },
});
