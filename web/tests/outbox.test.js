import assert from "node:assert/strict";
import { test } from "node:test";

import { OUTBOX_LIMIT, Outbox } from "../pages/room/stores/outbox.js";

/** A kept storage, a socket that can be off, and an outbox on both. */
function setup(kept = new Map()) {
  const wire = { open: true, sent: /** @type {any[]} */ ([]) };
  let next = 0;
  const storage = { get: (key) => kept.get(key) ?? null, set: (key, value) => kept.set(key, value) };
  const send = (frame) => wire.open && wire.sent.push(frame) > 0;
  const outbox = new Outbox(storage, () => `id${(next += 1)}-${kept.size}`, send);
  outbox.open("me");
  return { outbox, wire, kept };
}
const states = (outbox) => outbox.entries.value.map(({ text, state }) => [text, state]);

test("a message is sent at once and waits for its answer", () => {
  const { outbox, wire } = setup();
  assert.ok(outbox.post("hi", 1));
  assert.deepEqual(states(outbox), [["hi", "sent"]]);
  assert.equal(wire.sent[0].type, "post");
  outbox.remove(wire.sent[0].client_id);
  assert.deepEqual(states(outbox), []);
});

test("after a reconnect it is posted again under the same id, in order", () => {
  const { outbox, wire } = setup();
  outbox.post("one", 1);
  wire.open = false;
  outbox.interrupted();
  outbox.post("two", 2);
  assert.deepEqual(states(outbox), [["one", "queued"], ["two", "queued"]]);
  wire.open = true;
  outbox.flush([], "me");
  assert.deepEqual(wire.sent.map(({ text }) => text), ["one", "one", "two"]);
  assert.equal(wire.sent[0].client_id, wire.sent[1].client_id);
});

test("what the server already gave back is not shown beside itself", () => {
  const { outbox, wire } = setup();
  outbox.post("one", 1);
  outbox.interrupted();
  wire.sent.length = 0;
  outbox.flush([{ id: 7, at: 1, author: "me", text: "one" }], "me");
  assert.equal(wire.sent.length, 1, "it is posted all the same: only the answer is certain");
  assert.equal(outbox.entries.value[0].echoed, true);
});

test("a refused message waits for its writer", () => {
  const { outbox, wire } = setup();
  outbox.post("one", 1);
  const id = wire.sent[0].client_id;
  outbox.refused(id, "rate_limited");
  outbox.flush([], "me");
  assert.equal(wire.sent.length, 1, "nothing is repeated without being asked");
  assert.deepEqual(states(outbox), [["one", "failed"]]);
  outbox.retry(id);
  assert.deepEqual(states(outbox), [["one", "sent"]]);
  assert.equal(wire.sent[1].client_id, id);
});

test("messages survive a reload, for the person who wrote them", () => {
  const first = setup();
  first.wire.open = false;
  first.outbox.post("kept", 1);
  const again = setup(first.kept);
  assert.deepEqual(states(again.outbox), [["kept", "queued"]]);
  again.outbox.open("somebody");
  assert.deepEqual(states(again.outbox), []);
  again.outbox.open("me");
  again.outbox.clear();
  assert.deepEqual(states(setup(first.kept).outbox), []);
});

test("what storage holds is not trusted", () => {
  const kept = new Map([["outbox.me", [{ text: 1 }, null, { clientId: "a", text: "ok", at: 1, state: "sent" }]]]);
  assert.deepEqual(states(setup(kept).outbox), [["ok", "queued"]]);
  assert.deepEqual(states(setup(new Map([["outbox.me", "rubbish"]])).outbox), []);
});

test("only so many wait", () => {
  const { outbox, wire } = setup();
  wire.open = false;
  for (let count = 0; count < OUTBOX_LIMIT; count += 1) assert.ok(outbox.post(String(count), count));
  assert.equal(outbox.post("one more", 0), false);
  assert.equal(outbox.entries.value.length, OUTBOX_LIMIT);
});
