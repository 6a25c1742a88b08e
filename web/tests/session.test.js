import assert from "node:assert/strict";
import { test } from "node:test";

import { Refusal } from "../lib/api.js";
import { Session } from "../shell/session.js";

/** A session whose server answers what the test puts into `answers`. */
function scene() {
  const later = [];
  const answers = { me: async () => "ann", logout: async () => {} };
  const api = { me: () => answers.me(), logout: () => answers.logout() };
  const session = new Session({ api, setTimer: (run, ms) => later.push({ run, ms }), random: () => 0.5 });
  return { session, answers, later };
}
const refuse = (status) => async () => {
  throw new Refusal(status);
};

test("the server says who this is", async () => {
  const { session } = scene();
  await session.start();
  assert.deepEqual(session.state.value, { phase: "signed-in", name: "ann" });
});

test("without a session it is over, whichever way the server says so", async () => {
  for (const status of [401, 422]) {
    const { session, answers } = scene();
    answers.me = refuse(status);
    await session.start();
    assert.deepEqual(session.state.value, { phase: "signed-out", reason: "ended" });
  }
});

test("a server that does not answer is asked again, later and later", async () => {
  const { session, answers, later } = scene();
  answers.me = refuse(0);
  await session.start();
  assert.deepEqual(session.state.value, { phase: "checking", failed: true });
  const first = later.shift();
  await first.run();
  await new Promise(setImmediate);
  const second = later.shift();
  assert.ok(second.ms > first.ms);
  answers.me = async () => "ann";
  second.run();
  await new Promise(setImmediate);
  assert.equal(session.state.value.phase, "signed-in");
});

test("logging out is not an expiry, though its sockets are closed before the answer", async () => {
  const { session, answers } = scene();
  await session.start();
  answers.logout = async () => session.ended();
  assert.equal(await session.logout(), true);
  assert.deepEqual(session.state.value, { phase: "signed-out", reason: "left" });
});

test("logging out without a server changes nothing", async () => {
  const { session, answers } = scene();
  await session.start();
  answers.logout = refuse(0);
  assert.equal(await session.logout(), false);
  assert.equal(session.state.value.phase, "signed-in");
  session.ended();
  assert.deepEqual(session.state.value, { phase: "signed-out", reason: "ended" });
});

test("renewing finds out that the session is over, and only that", async () => {
  const { session, answers } = scene();
  await session.start();
  answers.me = refuse(503);
  await session.renew();
  assert.equal(session.state.value.phase, "signed-in");
  answers.me = refuse(401);
  await session.renew();
  assert.deepEqual(session.state.value, { phase: "signed-out", reason: "ended" });
});
