/** The theme's colours stand in styles/tokens.css; what cannot read it says the same. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

const read = (path) => readFileSync(new URL(path, import.meta.url), "utf8");
const tokens = read("../styles/tokens.css");

/** The two values of a token, as `#rrggbb`. */
function colours(token) {
  const pattern = new RegExp(`--${token}: light-dark\\(oklch\\(([^)]+)\\), oklch\\(([^)]+)\\)\\);`);
  const [, light, dark] = pattern.exec(tokens) ?? assert.fail(`no --${token} in tokens.css`);
  return { light: hex(light), dark: hex(dark) };
}

/**
 * Oklab's own matrices (Ottosson, 2020), then sRGB's transfer function (IEC 61966-2-1).
 * @param {string} oklch lightness, chroma, hue in degrees
 */
function hex(oklch) {
  const [lightness, chroma, hue] = oklch.split(" ").map(Number);
  const a = chroma * Math.cos((hue * Math.PI) / 180);
  const b = chroma * Math.sin((hue * Math.PI) / 180);
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  const encoded = linear.map((value) => {
    const within = Math.min(1, Math.max(0, value));
    return within <= 0.0031308 ? 12.92 * within : 1.055 * within ** (1 / 2.4) - 0.055;
  });
  return `#${encoded.map((value) => Math.round(value * 255).toString(16).padStart(2, "0")).join("")}`;
}

test("the conversion is right where the answer is known", () => {
  assert.equal(hex("1 0 0"), "#ffffff");
  assert.equal(hex("0.62796 0.25768 29.234"), "#ff0000");
});

test("the browser's bar has the colour of the header, in both themes", () => {
  const page = read("../../crates/http/templates/site/document.html");
  const meta = (scheme) => new RegExp(`theme-color" content="([^"]+)" media="\\(prefers-color-scheme: ${scheme}\\)`).exec(page)?.[1];
  assert.deepEqual({ light: meta("light"), dark: meta("dark") }, colours("hull"));
});

test("an installed page starts in the colours of the header and of the ground", () => {
  const manifest = JSON.parse(read("../manifest.webmanifest"));
  assert.equal(manifest.theme_color, colours("hull").light);
  assert.equal(manifest.background_color, colours("paper").dark);
});

test("no other style sheet and no other template has a colour of its own in hexadecimal", () => {
  const sheets = ["base", "chrome", "controls", "account", "admin", "api", "main", "visitor"].map((name) => `../styles/${name}.css`);
  const templates = ["http/templates/error", "http/templates/site/parts", "accounts/templates/layout", "admin/templates/base", "server/templates/app", "server/templates/api"];
  for (const path of [...sheets, ...templates.map((name) => `../../crates/${name}.html`)]) {
    assert.doesNotMatch(read(path), /#[0-9a-f]{6}\b/i, path);
  }
});
