import assert from "node:assert/strict";
import { test } from "node:test";

import { MessageAnnouncer } from "../pages/room/lib/announce.js";
import { Api, Refusal } from "../lib/api.js";
import { hueOf, initialOf } from "../pages/room/lib/colour.js";
import { placeAt, suggestionsFor } from "../pages/room/lib/completion.js";
import { uuid } from "../lib/identifier.js";
import { JsonStorage } from "../lib/storage.js";
import { scalars } from "../pages/room/lib/measure.js";
import { Settings } from "../lib/settings.js";
import { Signal } from "../lib/signal.js";
import { roomSettings } from "../pages/room/settings.js";
import { shellSettings } from "../shell/settings.js";

test("where a suggestion is wanted, and where it would be in the way", () => {
  assert.deepEqual(placeAt("hi :sh", 6, false), { kind: "emoji", query: "sh", from: 3 });
  assert.equal(placeAt("smile :)", 8, false), null);
  assert.equal(placeAt("smile :D", 8, false), null);
  assert.equal(placeAt("at 10:30", 8, false), null);
  assert.deepEqual(placeAt(":", 1, true), { kind: "emoji", query: "", from: 0 });
  assert.deepEqual(placeAt("@an later", 3, false), { kind: "person", query: "an", from: 0 });
  assert.equal(placeAt("a@b", 3, false), null);
  const [ann] = suggestionsFor({ kind: "person", query: "AN", from: 0 }, ["ann", "bob"]);
  assert.deepEqual([ann.label, ann.insert], ["ann", "@ann"]);
});

test("identifiers are UUIDs also where the page is not a secure context", () => {
  const getRandomValues = (bytes) => bytes.fill(0xff);
  assert.equal(uuid({ getRandomValues }), "ffffffff-ffff-4fff-bfff-ffffffffffff");
  assert.match(uuid(), /^[0-9a-f-]{36}$/);
});

test("lengths are counted as the server counts them", () => {
  assert.deepEqual(["abc", "é", "👍", "👍🏽", "日本"].map(scalars), [3, 1, 1, 2, 2]);
});

test("a colour belongs to a name in any case", () => {
  assert.equal(hueOf("Ann"), hueOf("ann"));
  assert.notEqual(hueOf("ann"), hueOf("bob"));
  assert.equal(initialOf("ann"), "A");
});

test("a signal tells, until it is asked to stop", () => {
  const signal = new Signal(1);
  const heard = [];
  const life = new AbortController();
  signal.watch((value) => heard.push(value), life.signal);
  signal.value = 1;
  signal.value = 2;
  life.abort();
  signal.value = 3;
  assert.deepEqual(heard, [1, 2]);
});

test("storage that throws is storage that forgets", () => {
  const storage = new JsonStorage(() => {
    throw new Error("forbidden");
  });
  storage.set("a", 1);
  assert.equal(storage.get("a"), null);
  const insane = { get: () => ({ theme: "<b>", sound: 1 }), set: () => {} };
  assert.deepEqual(new Settings(insane, shellSettings).state.value, { theme: "auto" });
  assert.deepEqual(new Settings(insane, roomSettings).state.value, { sound: false, notifications: false, people: true });
});

test("what one page chooses leaves the choices of the others as they are", () => {
  const kept = new Map([["settings", { theme: "dark", sound: true }]]);
  const storage = { get: (key) => kept.get(key), set: (key, value) => kept.set(key, value) };
  const shell = new Settings(storage, shellSettings);
  const room = new Settings(storage, roomSettings);
  shell.set({ theme: "light" });
  room.set({ people: false });
  assert.deepEqual(kept.get("settings"), { theme: "light", sound: true, notifications: false, people: false });
});

test("answers become refusals with their status and their wait", async () => {
  const api = new Api(async () => new Response("{}", { status: 429, headers: { "retry-after": "7" } }));
  const refusal = await api.me().catch((error) => error);
  assert.ok(refusal instanceof Refusal);
  assert.deepEqual([refusal.status, refusal.retryAfter, refusal.ended], [429, 7, false]);
  const offline = new Api(async () => {
    throw new TypeError("no network");
  });
  assert.equal((await offline.me().catch((error) => error)).status, 0);
  const portal = new Api(async () => new Response("<html>", { status: 200 }));
  assert.equal((await portal.me().catch((error) => error)).status, 0);
});

test("screen readers get one sentence at a time", () => {
  const said = [];
  const timers = [];
  const announcer = new MessageAnnouncer((text) => said.push(text), (run) => timers.push(run));
  announcer.message("ann", "hello");
  announcer.message("bob", "hi");
  assert.equal(timers.length, 1);
  timers[0]();
  for (let count = 0; count < 9; count += 1) announcer.message("cleo", "again");
  timers[1]();
  assert.deepEqual(said, ["ann: hello. bob: hi", "9 new messages, the last from cleo"]);
});
