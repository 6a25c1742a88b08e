import assert from "node:assert/strict";
import { readFileSync, readdirSync } from "node:fs";
import { test } from "node:test";

const ROOT = new URL("../", import.meta.url);
const index = readFileSync(new URL("index.html", ROOT), "utf8");
const filesIn = (folder, end) =>
  readdirSync(new URL(`${folder}/`, ROOT)).filter((name) => name.endsWith(end)).map((name) => `${folder}/${name}`).sort();
const listed = (pattern) => [...index.matchAll(pattern)].map((match) => match[1]).sort();

test("every module is preloaded, so that none waits for another to be read", () => {
  const modules = ["elements", "lib", "stores"].flatMap((folder) => filesIn(folder, ".js"));
  assert.deepEqual(listed(/rel="modulepreload" href="\{\{assets\}\}\/([^"]+)"/g), modules.sort());
});

test("every style sheet is linked, the order of the layers first", () => {
  const pattern = /rel="stylesheet" href="\{\{assets\}\}\/([^"]+)"/g;
  assert.deepEqual(listed(pattern), filesIn("styles", ".css"));
  assert.equal([...index.matchAll(pattern)][0][1], "styles/main.css");
});

test("nothing that the content security policy would stop", () => {
  assert.doesNotMatch(index, /<script(?![^>]*\bsrc=)/);
  assert.doesNotMatch(index, /\bstyle=|\bon[a-z]+=|https?:\/\/|<style/);
});

test("no module touches HTML parsing, evaluation, or another origin", () => {
  const modules = ["elements", "lib", "stores"].flatMap((folder) => filesIn(folder, ".js"));
  for (const path of ["app.js", "early.js", ...modules]) {
    const source = readFileSync(new URL(path, ROOT), "utf8").replaceAll(/\/\*[\s\S]*?\*\/|\/\/ .*/g, "");
    assert.doesNotMatch(source, /innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function/, path);
  }
});
