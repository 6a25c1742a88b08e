import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { charOf, isOneEmoji, suggestEmoji } from "../pages/room/lib/emoji.js";
import { EMOJI } from "../pages/room/lib/emoji-table.js";
import { table } from "../tools/emoji.mjs";

/** Names that stood for another emoji here until GitHub's meaning was taken over. */
const GITHUBS_MEANING = {
  cool: "🆒",
  smile_cat: "😸",
  heartbeat: "💓",
  point_up: "☝️",
  monkey: "🐒",
  camel: "🐫",
  moon: "🌔",
  snowman: "⛄",
  shrimp: "🦐",
  train: "🚋",
  traffic_light: "🚥",
  hourglass: "⌛",
  phone: "☎️",
  microphone: "🎤",
  calendar: "📆",
  ballot_box: "🗳️",
};

test("the committed emoji table is what the package gives", () => {
  const committed = readFileSync(new URL("../pages/room/lib/emoji-table.js", import.meta.url), "utf8");
  assert.equal(committed, table(), "run: node web/tools/emoji.mjs");
});

test("no emoji name that people know is lost, or stands for another emoji than on GitHub", () => {
  const before = readFileSync(new URL("fixtures/emoji-before.txt", import.meta.url), "utf8");
  const drawn = (char) => char?.replaceAll("\uFE0F", "");
  for (const line of before.trim().split("\n")) {
    const [char, ...names] = line.split(" ");
    for (const name of names) assert.equal(drawn(charOf(name)), drawn(GITHUBS_MEANING[name] ?? char), name);
  }
});

test("every line of the emoji table is one emoji and names that are taken once", () => {
  const names = new Set();
  for (const line of EMOJI.trim().split("\n")) {
    const [char, ...own] = line.split(" ");
    assert.ok(isOneEmoji(char), line);
    assert.ok(own.length > 0, line);
    for (const name of own) {
      assert.match(name, /^[a-z0-9_+-]{1,32}$/, line);
      assert.ok(!names.has(name), `${name} twice`);
      names.add(name);
    }
  }
  assert.ok(names.size > 400);
});

test("emoji are suggested by the start of a name first", () => {
  assert.equal(charOf("ship"), "🚢");
  assert.equal(charOf("constructor"), null);
  assert.equal(suggestEmoji("shi")[0].name, "ship");
  assert.ok(suggestEmoji("heart").length <= 8);
  const chars = suggestEmoji("th").map(({ char }) => char);
  assert.equal(new Set(chars).size, chars.length);
});
