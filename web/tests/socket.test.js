import assert from "node:assert/strict";
import { test } from "node:test";

import { Refusal } from "../lib/api.js";
import { backoff, spread } from "../lib/backoff.js";
import { ReconnectingSocket } from "../lib/socket.js";

class FakeSocket {
  sent = [];
  closed = false;
  constructor(query) {
    this.query = query;
  }
  send(text) {
    this.sent.push(JSON.parse(text));
  }
  close() {
    this.closed = true;
  }
  open() {
    this.onopen();
  }
  say(frame) {
    this.onmessage({ data: JSON.stringify(frame) });
  }
  break(code) {
    this.onclose({ code });
  }
}

/** A socket in a world whose time and randomness the test owns. */
function setup(random = () => 0.5) {
  const world = {
    now: 0,
    timers: new Map(),
    sockets: [],
    frames: [],
    ended: 0,
    probe: async () => "me",
    /** Lets time pass, running what is due. */
    pass(ms) {
      const until = world.now + ms;
      for (;;) {
        const due = [...world.timers].filter(([, timer]) => timer.at <= until).sort((a, b) => a[1].at - b[1].at)[0];
        if (!due) break;
        world.timers.delete(due[0]);
        world.now = due[1].at;
        due[1].run();
      }
      world.now = until;
    },
    get last() {
      return world.sockets.at(-1);
    },
  };
  let next = 0;
  const socket = new ReconnectingSocket({
    open: () => {
      world.sockets.push(new FakeSocket(`?n=${world.sockets.length}`));
      return world.last;
    },
    isWelcome: ({ type }) => type === "welcome",
    ping: { type: "history", before: 1, limit: 1 },
    probe: () => world.probe(),
    onFrame: (frame) => world.frames.push(frame),
    onEnded: () => (world.ended += 1),
    now: () => world.now,
    random,
    setTimer: (run, ms) => {
      world.timers.set((next += 1), { at: world.now + ms, run });
      return next;
    },
    clearTimer: (timer) => world.timers.delete(timer),
  });
  socket.start();
  return { socket, world };
}
const opened = (/** @type {(() => number) | undefined} */ random) => {
  const both = setup(random);
  both.world.last.say({ type: "welcome" });
  return both;
};

test("waits are random below a bound that doubles up to thirty seconds", () => {
  assert.deepEqual([0, 1, 2, 10].map((attempt) => backoff(attempt, () => 0)), [200, 200, 200, 200]);
  assert.deepEqual([0, 1, 2, 50].map((attempt) => backoff(attempt, () => 0.999999)), [2000, 4000, 8000, 30_000]);
  assert.equal(spread(() => 0.5), 2500);
});

test("ten thousand pages cut off in one moment do not come back in one", () => {
  const PAGES = 10_000;
  const SLOT_MS = 100;
  let seed = 1;
  const random = () => (seed = (seed * 48_271) % 2_147_483_647) / 2_147_483_647;
  for (const code of [1001, 1006, 1013]) {
    /** @type {Map<number, number>} how many come back in each slot */
    const slots = new Map();
    for (let page = 0; page < PAGES; page += 1) {
      const { world } = opened(random);
      world.pass(60_000);
      world.last.break(code);
      const [timer] = world.timers.values();
      const slot = timer === undefined ? 0 : Math.floor((timer.at - world.now) / SLOT_MS);
      slots.set(slot, (slots.get(slot) ?? 0) + 1);
    }
    assert.ok(Math.max(...slots.values()) < PAGES / 10, `${code}: ${[...slots]}`);
  }
});

test("the welcome may come fifteen seconds after the connection is open, and later", () => {
  const { socket, world } = setup();
  world.pass(9_000);
  world.last.open();
  world.pass(40_000);
  assert.deepEqual([world.sockets.length, socket.state.value.phase], [1, "connecting"]);
  world.last.say({ type: "welcome" });
  assert.equal(socket.state.value.phase, "open");
  world.pass(600_000);
  assert.equal(world.sockets.length, 1);
});

test("a connection that is open and never says a word is given up", () => {
  const { socket, world } = setup();
  world.last.open();
  world.pass(46_000);
  assert.ok(world.sockets[0].closed);
  assert.notEqual(socket.state.value.phase, "open");
});

test("open means welcomed", () => {
  const { socket, world } = setup();
  assert.equal(socket.state.value.phase, "connecting");
  assert.equal(socket.send({ type: "typing" }), false);
  world.last.say({ type: "welcome" });
  assert.equal(socket.state.value.phase, "open");
  assert.ok(socket.send({ type: "typing" }));
});

test("a broken connection is opened again, later each time", () => {
  const { socket, world } = opened();
  world.last.break(1006);
  const waits = [];
  for (let round = 0; round < 4; round += 1) {
    waits.push(socket.state.value.until - world.now);
    world.pass(socket.state.value.until - world.now);
    world.last.break(1006);
  }
  assert.deepEqual(waits, [1100, 2100, 4100, 8100]);
  assert.equal(world.sockets.length, 5);
});

test("a connection that lasted starts over with a short wait", () => {
  const { socket, world } = opened();
  for (let round = 0; round < 3; round += 1) {
    world.last.break(1006);
    world.pass(socket.state.value.until - world.now);
  }
  world.last.say({ type: "welcome" });
  world.pass(6_000);
  world.last.break(1006);
  assert.equal(socket.state.value.until - world.now, 1100);
});

test("close codes: session over, server going, too slow", () => {
  const over = opened();
  over.world.last.break(1008);
  assert.deepEqual([over.world.ended, over.socket.state.value.phase, over.world.timers.size], [1, "idle", 0]);

  const going = opened();
  going.world.last.break(1001);
  assert.equal(going.socket.state.value.until, 2500);

  const slow = opened();
  slow.world.pass(10_000);
  slow.world.last.break(1013);
  assert.equal(slow.socket.state.value.until - slow.world.now, 2500);
  slow.world.pass(2_500);
  slow.world.last.say({ type: "welcome" });
  slow.world.last.break(1013);
  slow.world.pass(slow.socket.state.value.until - slow.world.now);
  slow.world.last.say({ type: "welcome" });
  slow.world.last.break(1013);
  assert.equal(slow.socket.state.value.until - slow.world.now, 2100, "longer when it ends at once again");
});

test("a refused hand-shake asks why", async () => {
  for (const [status, after, expected] of [[401, null, "idle"], [422, null, "idle"], [429, 7, "waiting"], [0, null, "waiting"]]) {
    const { socket, world } = setup();
    world.probe = async () => {
      throw new Refusal(status, after);
    };
    world.last.break(1006);
    await new Promise(setImmediate);
    assert.equal(socket.state.value.phase, expected);
    assert.equal(world.ended, expected === "idle" ? 1 : 0);
    if (status === 429) assert.equal(socket.state.value.until, 7000);
  }
});

test("a nudge connects at once; on an open connection it asks for a sign of life", () => {
  const { socket, world } = opened();
  socket.nudge();
  assert.equal(world.last.sent.length, 1);
  world.last.say({ type: "history", before: 1, messages: [], more: false });
  world.pass(60_000);
  assert.equal(world.sockets.length, 1, "it lives");

  socket.nudge();
  world.pass(60_000);
  assert.equal(world.sockets[0].closed, true, "silence means dead");
  assert.ok(world.sockets.length > 1);

  world.last.break(1006);
  const before = world.sockets.length;
  socket.nudge();
  assert.equal(world.sockets.length, before + 1);
});

test("a hand-shake that hangs is given up", () => {
  const { world } = setup();
  world.pass(12_000);
  assert.ok(world.sockets[0].closed);
  assert.equal(world.sockets.length, 2);
});

test("what an old socket still says is not heard", () => {
  const { socket, world } = opened();
  const old = world.last;
  socket.stop();
  old.say({ type: "typing", username: "ann" });
  old.break(1006);
  assert.deepEqual([world.frames.length, socket.state.value.phase, world.timers.size], [1, "idle", 0]);
});
