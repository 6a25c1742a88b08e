import assert from "node:assert/strict";
import { test } from "node:test";

import { Room } from "../pages/room/stores/room.js";

function setup() {
  const wire = { open: true, sent: /** @type {any[]} */ ([]), heard: /** @type {any[]} */ ([]), now: 0, timers: new Map() };
  let next = 0;
  const room = new Room({
    send: (frame) => wire.open && wire.sent.push(frame) > 0,
    expect: () => {},
    storage: { get: () => null, set: () => {} },
    newId: () => `c${(next += 1)}`,
    time: {
      now: () => wire.now,
      setTimer: (run, ms) => {
        wire.timers.set((next += 1), { run, ms });
        return next;
      },
      clearTimer: (timer) => wire.timers.delete(timer),
    },
    onMessage: (message) => wire.heard.push(message.text),
    onRefused: (code) => wire.heard.push(code),
  });
  room.enter("me");
  const welcome = (more = {}) =>
    room.receive({
      type: "welcome", you: "me", epoch: "e1", recovered: false, messages: [], more: false,
      online: ["ann", "me"], online_count: 2, limits: { text: 300, history: 100 }, ...more,
    });
  const says = (id, author, text) => room.receive({ type: "message", id, at: id, author, text });
  const texts = () => room.log.state.value.messages.map(({ text }) => text);
  return { room, wire, welcome, says, texts };
}

test("the answer takes the message's place in the order", () => {
  const { room, wire, welcome, says, texts } = setup();
  welcome();
  room.post("mine");
  says(1, "ann", "hers");
  room.receive({ type: "ack", client_id: wire.sent[0].client_id, id: 2, at: 2 });
  says(3, "ann", "later");
  assert.deepEqual(texts(), ["hers", "mine", "later"]);
  assert.deepEqual(room.outbox.entries.value, []);
});

test("a message whose answer was lost appears once", () => {
  const { room, wire, welcome, texts } = setup();
  welcome();
  room.post("mine");
  room.interrupted();
  welcome({ recovered: true, messages: [{ id: 1, at: 1, author: "me", text: "mine" }] });
  assert.equal(wire.sent.at(-1).client_id, wire.sent[0].client_id);
  room.receive({ type: "ack", client_id: wire.sent[0].client_id, id: 1, at: 1 });
  assert.deepEqual(texts(), ["mine"]);
  assert.deepEqual(room.outbox.entries.value, []);
});

test("where to continue from", () => {
  const { room, welcome, says } = setup();
  assert.equal(room.query, "");
  welcome();
  says(1, "ann", "x");
  assert.equal(room.query, "?last_id=1&epoch=e1");
  room.leave();
  assert.equal(room.query, "");
});

test("others' messages are announced, also those missed; one's own are not", () => {
  const { wire, welcome, says } = setup();
  welcome({ messages: [{ id: 1, at: 1, author: "ann", text: "history" }] });
  says(2, "ann", "live");
  says(3, "me", "from my phone");
  welcome({ recovered: true, messages: [{ id: 4, at: 4, author: "ann", text: "missed" }] });
  assert.deepEqual(wire.heard, ["live", "missed"]);
});

test("unread counts what arrives while nobody looks, and marks where it began", () => {
  const { room, welcome, says } = setup();
  welcome();
  says(1, "ann", "seen");
  room.unread.visible(false);
  says(2, "ann", "a");
  says(3, "ann", "b");
  assert.deepEqual(room.unread.state.value, { count: 2, from: 2 });
  room.unread.visible(true);
  assert.deepEqual(room.unread.state.value, { count: 0, from: 2 }, "the divider stays to read by");
  room.unread.atBottom(false);
  says(4, "ann", "c");
  assert.deepEqual(room.unread.state.value, { count: 1, from: 4 });
  room.post("reply");
  assert.deepEqual(room.unread.state.value, { count: 0, from: null });
});

test("who is here", () => {
  const { room, welcome } = setup();
  welcome();
  room.receive({ type: "join", username: "Bob", online_count: 3 });
  assert.deepEqual(room.people.state.value, { names: ["ann", "Bob", "me"], count: 3 });
  room.receive({ type: "leave", username: "ann", online_count: 2 });
  assert.deepEqual(room.people.state.value, { names: ["Bob", "me"], count: 2 });
});

test("in a large room, who came and went is told in one", () => {
  const { room, welcome } = setup();
  const presence = (news) => room.receive({ type: "presence", ...news });
  const noticed = () => room.log.state.value.notices.map(({ kind, name }) => `${kind} ${name}`);
  welcome({ online_count: 1_200 });
  presence({ online_count: 1_201, joined: ["Bob", "cid"], left: ["ann"] });
  assert.deepEqual(room.people.state.value, { names: ["Bob", "cid", "me"], count: 1_201 });
  assert.deepEqual(noticed(), ["join Bob", "join cid", "leave ann"]);
  presence({ online_count: 1_200, left: ["cid"] });
  presence({ online_count: 1_201, joined: ["dan"] });
  presence({ online_count: 1_201, joined: [], left: [] });
  assert.deepEqual(room.people.state.value, { names: ["Bob", "dan", "me"], count: 1_201 });
  // Too much at once: the names are those from before for a moment, then others.
  presence({ online_count: 640 });
  assert.deepEqual(room.people.state.value, { names: ["Bob", "dan", "me"], count: 640 });
  presence({ online_count: 640, online: ["Bob", "eve"] });
  assert.deepEqual(room.people.state.value, { names: ["Bob", "eve", "me"], count: 640 });
  assert.equal(noticed().length, 5, "a new list is no news of anybody");
});

test("a list without end is not kept", () => {
  const { room, welcome } = setup();
  welcome();
  room.receive({ type: "presence", online_count: 900, joined: Array.from({ length: 900 }, (_, index) => `p${index}`) });
  assert.deepEqual([room.people.state.value.names.length, room.people.state.value.count], [500, 900]);
});

test("who has left is not typing, however it is told", () => {
  const { room, welcome } = setup();
  const names = ["ann", "bob", "cid", "me"];
  welcome({ online: names, online_count: 4 });
  for (const username of ["ann", "bob", "cid"]) room.receive({ type: "typing", username });
  room.receive({ type: "presence", online_count: 3, left: ["ann"] });
  assert.deepEqual(room.typing.names.value, ["bob", "cid"]);
  room.receive({ type: "presence", online_count: 2, online: ["cid", "me"] });
  assert.deepEqual(room.typing.names.value, ["cid"]);
  room.receive({ type: "presence", online_count: 700, online: ["bob", "me"] });
  assert.deepEqual(room.typing.names.value, ["cid"], "a list that is not whole tells nothing of who is not on it");
});

test("typing ends with the message, and is said at most every three seconds", () => {
  const { room, wire, welcome, says } = setup();
  welcome();
  room.receive({ type: "typing", username: "ann" });
  room.receive({ type: "typing", username: "me" });
  assert.deepEqual(room.typing.names.value, ["ann"]);
  says(1, "ann", "done");
  assert.deepEqual(room.typing.names.value, []);

  const said = () => wire.sent.filter(({ type }) => type === "typing").length;
  room.sayTyping();
  wire.now = 1_000;
  room.sayTyping();
  room.sayTyping();
  assert.deepEqual([said(), wire.timers.size], [1, 1]);
  const [waiting] = wire.timers.values();
  assert.equal(waiting.ms, 2_000);
  wire.now = 3_000;
  waiting.run();
  assert.equal(said(), 2);

  wire.now = 4_000;
  room.sayTyping();
  const before = wire.timers.size;
  room.post("there it is");
  assert.equal(wire.timers.size, before - 1, "who has sent the message is not typing it");
});

test("a refusal marks the message, and unknown frames do nothing", () => {
  const { room, wire, welcome } = setup();
  welcome();
  room.post("x");
  room.receive({ type: "nack", client_id: wire.sent[0].client_id, code: "rate_limited", error: "" });
  assert.equal(room.outbox.entries.value[0].code, "rate_limited");
  assert.deepEqual(wire.heard, ["rate_limited"]);
  room.receive(/** @type {any} */ ({ type: "something new" }));
});
