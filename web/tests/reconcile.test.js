import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

import { reconcile } from "../lib/reconcile.js";

/** What was taken out of a list and put into it: a move is both. */
const done = { added: 0, removed: 0 };

/** As much of an element as a list of rows options. */
class Row {
  children = [];
  dataset = {};
  parent = null;

  insertBefore(child, next) {
    child.remove();
    this.children.splice(next === null ? this.children.length : this.children.indexOf(next), 0, child);
    child.parent = this;
    done.added += 1;
  }
  replaceWith(other) {
    const { parent } = this;
    parent.insertBefore(other, this);
    this.remove();
  }
  remove() {
    if (this.parent === null) return;
    this.parent.children.splice(this.parent.children.indexOf(this), 1);
    this.parent = null;
    done.removed += 1;
  }
}
globalThis.HTMLElement = Row;

const keys = (list) => list.children.map((child) => child.dataset.key).join("");
/** Reconciles and tells what it took. */
function change(list, wanted) {
  Object.assign(done, { added: 0, removed: 0 });
  const rows = [...wanted].map((key) => (typeof key === "string" ? { key } : key));
  reconcile(list, rows, () => new Row());
  assert.deepEqual(list.children.map((child) => child.dataset.key), rows.map(({ key }) => key));
  return [done.added, done.removed];
}

let list = new Row();
beforeEach(() => (list = new Row()));

test("a message more and the oldest out is one row in and one out, however long the list", () => {
  const row = (index) => ({ key: `m${index}` });
  change(list, Array.from({ length: 600 }, (_, index) => row(index)));
  for (let first = 1; first <= 50; first += 1) {
    const rows = Array.from({ length: 600 }, (_, index) => row(first + index));
    assert.deepEqual(change(list, rows), [1, 1]);
  }
});

test("a page of older rows comes in above without touching the rest", () => {
  change(list, "klmnop");
  assert.deepEqual(change(list, "abcdeklmnop"), [5, 0]);
  assert.deepEqual(change(list, "abcdeklmnop"), [0, 0]);
});

test("what changes places is moved, and nothing else", () => {
  change(list, "abcdef");
  assert.deepEqual(change(list, "fabcde"), [1, 1]);
  assert.deepEqual(change(list, "abcdef"), [1, 1]);
  assert.deepEqual(change(list, "bacdfe"), [2, 2]);
  assert.equal(keys(list), "bacdfe");
});

test("a row that says something else is drawn anew in its place", () => {
  change(list, ["a", { key: "b", text: "x" }, "c"]);
  const [a, b, c] = list.children;
  assert.deepEqual(change(list, ["a", { key: "b", text: "y" }, "c"]), [1, 1]);
  assert.ok(list.children[0] === a && list.children[1] !== b && list.children[2] === c);
});

test("children that are no rows go", () => {
  list.insertBefore(new Row(), null);
  change(list, "ab");
  assert.equal(keys(list), "ab");
});

test("any list becomes any other, and rows that stay keep their element", () => {
  let seed = 7;
  const random = (below) => (seed = (seed * 48_271) % 2_147_483_647) % below;
  for (let round = 0; round < 500; round += 1) {
    const wanted = [..."abcdefghij"].filter(() => random(3) > 0).sort(() => random(3) - 1);
    const before = new Map(list.children.map((child) => [child.dataset.key, child]));
    change(list, wanted);
    for (const child of list.children) assert.equal(child, before.get(child.dataset.key) ?? child);
  }
});
