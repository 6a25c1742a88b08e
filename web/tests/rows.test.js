import assert from "node:assert/strict";
import { test } from "node:test";

import { t } from "../pages/room/strings.js";
import { buildRows, presenceRow } from "../pages/room/stores/rows.js";

const NOON = new Date(2026, 5, 1, 12).getTime();
const MINUTE = 60_000;

const message = (id, author, minute = id) => ({ id, author, text: `text ${id}`, at: NOON + minute * MINUTE });
const notice = (kind, name, after = 0, seq = 1) => ({ seq, kind, name, at: NOON, after });
const rows = (known) =>
  buildRows({ messages: [], notices: [], pending: [], me: "me", newFrom: null, now: NOON, ...known });
const kinds = (all) => all.map((row) => (row.kind === "message" ? (row.head ? "HEAD" : "more") : row.kind));

test("messages of one author within five minutes are one group", () => {
  const messages = [message(1, "ann"), message(2, "ann"), message(3, "bob"), message(4, "ann"), message(5, "ann", 12)];
  assert.deepEqual(kinds(rows({ messages })), ["day", "HEAD", "more", "HEAD", "HEAD", "HEAD"]);
});

test("each day has its heading, today and yesterday by name", () => {
  const messages = [message(1, "ann", -24 * 60), message(2, "ann", 0)];
  const all = rows({ messages });
  assert.deepEqual(kinds(all), ["day", "HEAD", "day", "HEAD"]);
  assert.deepEqual(all.filter((row) => row.kind === "day").map((row) => row.label), [t.yesterday, t.today]);
});

test("a heading stays what it is when the first message of its day falls out", () => {
  const [first] = rows({ messages: [message(1, "ann"), message(2, "bob")] });
  const [later] = rows({ messages: [message(2, "bob")] });
  assert.deepEqual(later, first);
});

test("the divider stands before the first unread message and starts a group", () => {
  const messages = [message(1, "ann"), message(2, "ann"), message(3, "ann")];
  assert.deepEqual(kinds(rows({ messages, newFrom: 2 })), ["day", "HEAD", "new", "HEAD", "more"]);
  assert.ok(!kinds(rows({ messages, newFrom: 9 })).includes("new"));
});

test("messages on their way come last; those that probably arrived are left out", () => {
  const pending = [
    { clientId: "a", text: "one", at: NOON, state: "sent" },
    { clientId: "b", text: "two", at: NOON, state: "failed", code: "rate_limited" },
    { clientId: "c", text: "three", at: NOON, state: "queued", echoed: true },
  ];
  const shown = rows({ messages: [message(1, "ann", 0)], pending }).filter((row) => row.kind === "message");
  assert.deepEqual(shown.map((row) => [row.text, row.state, row.own]), [
    ["text 1", "stored", false],
    ["one", "sent", true],
    ["two", "failed", true],
  ]);
});

test("a stored message keeps the row it was sent in", () => {
  const [, pending] = rows({ pending: [{ clientId: "a", text: "x", at: NOON, state: "sent" }] });
  const [, stored] = rows({ messages: [{ ...message(1, "me", 0), clientId: "a" }] });
  assert.equal(stored.key, pending.key);
});

test("who left and came back is not mentioned", () => {
  assert.equal(presenceRow([notice("leave", "ann"), notice("join", "ann")]), null);
  assert.deepEqual(kinds(rows({ messages: [message(1, "bob")], notices: [notice("leave", "ann", 1), notice("join", "ann", 1)] })), ["day", "HEAD"]);
});

test("comings and goings are summed up by what came of them", () => {
  const row = presenceRow([
    notice("join", "ann"),
    notice("leave", "bob"),
    notice("join", "cleo"),
    notice("leave", "cleo"),
    notice("leave", "dan"),
    notice("join", "dan"),
    notice("leave", "dan"),
  ]);
  assert.deepEqual([row.joined, row.left, row.visited], [["ann"], ["bob", "dan"], ["cleo"]]);
});

test("many names are counted", () => {
  const joined = ["a", "b", "c", "d", "e", "f"];
  assert.equal(t.log.presence({ joined, left: [], visited: [] }), "a, b, c, and 3 others joined");
  assert.equal(t.log.presence({ joined: ["ann"], left: ["bob"], visited: [] }), "ann joined · bob left");
  assert.equal(t.log.typing(["ann", "bob"]), "ann and bob are typing");
});

test("comings and goings stand after the message they followed, and break its group", () => {
  const messages = [message(1, "ann"), message(2, "ann")];
  assert.deepEqual(kinds(rows({ messages, notices: [notice("join", "bob", 1)] })), ["day", "HEAD", "presence", "HEAD"]);
  assert.deepEqual(kinds(rows({ notices: [notice("join", "bob", 0)] })), ["presence"]);
});
