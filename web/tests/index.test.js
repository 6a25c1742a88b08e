import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../", import.meta.url);
const index = readFileSync(new URL("index.html", ROOT), "utf8");
const filesIn = (folder, end) =>
  readdirSync(new URL(`${folder}/`, ROOT)).filter((name) => name.endsWith(end)).map((name) => `${folder}/${name}`).sort();
const listed = (pattern) => [...index.matchAll(pattern)].map((match) => match[1]).sort();

/** Every module that `path` leads to, itself left out. */
function reached(path, found = new Set()) {
  const source = readFileSync(new URL(path, ROOT), "utf8");
  for (const [, target] of source.matchAll(/^(?:import|export)[^;]*? from "(\.[^"]+)";/gm)) {
    const next = new URL(target, new URL(path, ROOT)).pathname.slice(ROOT.pathname.length);
    if (found.has(next)) continue;
    found.add(next);
    reached(next, found);
  }
  return found;
}

test("every module of the room is preloaded, so that none waits for another to be read", () => {
  assert.deepEqual(listed(/rel="modulepreload" href="\{\{assets\}\}\/([^"]+)"/g), [...reached("app.js")].sort());
});

test("no module is left over", () => {
  const modules = ["elements", "lib", "stores"].flatMap((folder) => filesIn(folder, ".js"));
  assert.deepEqual([...reached("account.js", reached("app.js"))].sort(), modules.sort());
});

test("every style sheet that is linked exists, the order of the layers first", () => {
  const linked = [...index.matchAll(/rel="stylesheet" href="\{\{assets\}\}\/([^"]+)"/g)].map((match) => match[1]);
  const all = filesIn("styles", ".css");
  for (const path of linked) assert.ok(all.includes(path), path);
  assert.equal(linked[0], "styles/main.css");
  assert.ok(!linked.includes("styles/visitor.css"), "the door's styles are not the room's");
});

test("nothing that the content security policy would stop", () => {
  assert.doesNotMatch(index, /<script(?![^>]*\bsrc=)/);
  assert.doesNotMatch(index, /\bstyle=|\bon[a-z]+=|https?:\/\/|<style/);
});

test("no module touches HTML parsing, evaluation, or another origin", () => {
  const modules = ["elements", "lib", "stores"].flatMap((folder) => filesIn(folder, ".js"));
  for (const path of ["app.js", "account.js", "early.js", ...modules]) {
    const source = readFileSync(new URL(path, ROOT), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/ .*/g, "");
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, path);
  }
});
