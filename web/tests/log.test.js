import assert from "node:assert/strict";
import { test } from "node:test";

import { KEPT_LIMIT, Log } from "../pages/room/stores/log.js";

const message = (id) => ({ id, at: id, author: "ann", text: String(id) });
const range = (from, to) => Array.from({ length: to - from + 1 }, (_, index) => message(from + index));
const welcome = (messages, more = {}) => ({
  type: "welcome", you: "me", epoch: "e1", recovered: false, messages, more: false,
  online: [], online_count: 0, limits: { text: 300, history: 100 }, ...more,
});
const ids = (log) => log.state.value.messages.map(({ id }) => id);

test("recovery continues without a gap and without a duplicate", () => {
  const log = new Log();
  log.welcome(welcome(range(1, 3)));
  log.append(message(4));
  log.append(message(4));
  log.welcome(welcome(range(5, 6), { recovered: true }));
  assert.deepEqual(ids(log), [1, 2, 3, 4, 5, 6]);
  assert.equal(log.latest, 6);
});

test("a removed message keeps its place, whether one was there or comes back", () => {
  const log = new Log();
  log.welcome(welcome(range(1, 3)));
  log.removed([2, 9]);
  log.welcome(welcome(range(4, 4), { recovered: true, removed: [3] }));
  const texts = log.state.value.messages.map(({ text, removed }) => (removed ? "removed" : text));
  assert.deepEqual(texts, ["1", "removed", "removed", "4"]);
  const before = log.state.value;
  log.removed([2]);
  assert.equal(log.state.value, before, "nothing changes twice");
});

test("without recovery everything is replaced", () => {
  const log = new Log();
  log.welcome(welcome(range(1, 3)));
  log.notice("join", "bob", 0);
  log.welcome(welcome(range(1, 1), { epoch: "e2", more: true }));
  assert.deepEqual(ids(log), [1]);
  assert.deepEqual([log.epoch, log.latest, log.state.value.more, log.state.value.notices], ["e2", 1, true, []]);
});

test("older pages are asked for once at a time and put in front", () => {
  const log = new Log();
  log.welcome(welcome(range(51, 100), { more: true }));
  assert.deepEqual(log.older(), { type: "history", before: 51, limit: 50 });
  assert.equal(log.older(), null);
  log.history(1, [], false);
  assert.equal(log.state.value.loading, "older", "an answer to something else is not ours");
  log.history(51, range(1, 50), false);
  assert.deepEqual(ids(log), range(1, 100).map(({ id }) => id));
  assert.equal(log.older(), null, "there is nothing older");
});

test("what was asked for before the connection broke may be asked for again", () => {
  const log = new Log();
  log.welcome(welcome(range(51, 100), { more: true }));
  log.older();
  log.interrupted();
  assert.notEqual(log.older(), null);
});

test("the page holds a bounded number of messages, whichever way one reads", () => {
  const log = new Log();
  log.welcome(welcome(range(2001, 2050), { more: true }));
  for (let first = 2001; first > 1001; first -= 50) {
    log.older();
    log.history(first, range(first - 50, first - 1), true);
  }
  assert.equal(ids(log).length, KEPT_LIMIT);
  assert.equal(log.state.value.attached, false);

  log.append(message(2051));
  assert.notEqual(ids(log).at(-1), 2051, "far from the end, new messages only count");
  assert.equal(log.latest, 2051);

  const next = log.newer();
  const last = ids(log).at(-1);
  assert.equal(next.before, last + 51);
  log.history(next.before, range(last + 1, last + 50), true);
  assert.equal(ids(log).at(-1), last + 50);

  const newest = log.newest();
  assert.deepEqual(newest, { type: "history", before: 2052, limit: 50 });
  log.history(2052, range(2002, 2051), true);
  assert.deepEqual([ids(log)[0], ids(log).at(-1), log.state.value.attached], [2002, 2051, true]);
});

test("at the end, the oldest go first", () => {
  const log = new Log();
  log.welcome(welcome(range(1, 50)));
  for (const each of range(51, KEPT_LIMIT + 20)) log.append(each);
  assert.deepEqual([ids(log)[0], ids(log).length, log.state.value.more], [21, KEPT_LIMIT, true]);
});

test("a reader further up keeps the place, and the page its bound", () => {
  const log = new Log();
  log.welcome(welcome(range(1, 50)));
  log.follow(false);
  for (const each of range(51, KEPT_LIMIT + 20)) log.append(each);
  assert.deepEqual([ids(log)[0], ids(log).length, log.state.value.attached], [1, KEPT_LIMIT, false]);
  assert.equal(log.latest, KEPT_LIMIT + 20);
  const next = log.newer();
  log.history(next.before, range(KEPT_LIMIT + 1, KEPT_LIMIT + 20), true);
  assert.deepEqual([ids(log).at(-1), log.state.value.attached], [KEPT_LIMIT + 20, true]);
  log.follow(true);
  assert.equal(ids(log).length, KEPT_LIMIT);
});
