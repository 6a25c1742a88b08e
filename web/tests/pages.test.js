/** What holds the folder together: which pages there are, and which module may import which. */

import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../", import.meta.url);
const CRATES = new URL("../crates/", ROOT);
const read = (path) => readFileSync(new URL(path, ROOT), "utf8");
const files = (folder, end) =>
  readdirSync(new URL(`${folder}/`, ROOT), { recursive: true }).filter((name) => name.endsWith(end)).map((name) => `${folder}/${name}`).sort();
const modules = ["lib", "shell", "pages"].flatMap((folder) => files(folder, ".js")).sort();
const pages = JSON.parse(read("pages/pages.json"));

/** The modules that `path` imports itself. */
function imports(path) {
  const targets = [...read(path).matchAll(/^(?:import|export)[^;]*? from "([^"]+)";/gm)].map(([, target]) => target);
  return targets.map((target) => new URL(target, new URL(path, ROOT)).pathname.slice(ROOT.pathname.length));
}

/** Every module that `path` leads to, itself left out. */
function reached(path, found = new Set()) {
  for (const next of imports(path)) {
    if (found.has(next)) continue;
    found.add(next);
    reached(next, found);
  }
  return found;
}

test("every folder of a page is on the list, and every line of the list has its folder", () => {
  const folders = readdirSync(new URL("pages/", ROOT), { withFileTypes: true }).filter((entry) => entry.isDirectory()).map(({ name }) => name);
  assert.deepEqual(pages.map(({ page }) => page).sort(), folders.sort());
  assert.equal(new Set(pages.map(({ path }) => path)).size, pages.length, "a path twice");
  for (const { page } of pages) assert.match(read(`pages/${page}/page.js`), /^export function open\(/m);
});

test("no module is left over", () => {
  const found = new Set(pages.map(({ page }) => `pages/${page}/page.js`));
  for (const path of ["app.js", "account.js", ...found]) reached(path, found);
  assert.deepEqual([...found].sort(), modules);
});

test("no page is loaded before it is opened, and no page knows another", () => {
  for (const path of ["app.js", "account.js", "theme.js"]) {
    for (const found of reached(path)) assert.doesNotMatch(found, /^pages\//, path);
  }
  for (const path of modules) {
    const [folder, page] = path.split("/");
    const allowed = { lib: /^lib\//, shell: /^(shell|lib)\//, pages: new RegExp(`^(pages/${page}|lib)/`) }[folder];
    for (const target of imports(path)) assert.match(target, allowed, path);
  }
});

test("every style sheet that a template links exists, the order of the layers first", () => {
  const linked = [];
  for (const file of readdirSync(CRATES, { recursive: true })) {
    if (!/templates\/.*\.html$/.test(file)) continue;
    const html = readFileSync(new URL(file, CRATES), "utf8");
    linked.push(...[...html.matchAll(/rel="stylesheet" href="\{\{ [\w.]+ \}\}\/([^"]+)"/g)].map((match) => match[1]));
  }
  assert.deepEqual([...new Set(linked)].sort(), files("styles", ".css"));
  const [first] = /styles\/\w+\.css/.exec(readFileSync(new URL("http/templates/site/parts.html", CRATES), "utf8")) ?? [];
  assert.equal(first, "styles/main.css");
});

test("a page's style sheets fill the page's layer, so that they stand over those of all pages", () => {
  for (const path of files("pages", ".css")) assert.match(read(path), /^@layer page \{\n[\s\S]*^\}\n$/m, path);
});

test("no module touches HTML parsing, evaluation, or another origin", () => {
  for (const path of ["app.js", "account.js", "theme.js", ...modules]) {
    const source = read(path).replaceAll(/\/\*[\s\S]*?\*\/|\/\/ .*/g, "");
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, path);
  }
});
