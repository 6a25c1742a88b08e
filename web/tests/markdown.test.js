import assert from "node:assert/strict";
import { test } from "node:test";

import { leadingAddress, safeAddress } from "../pages/room/lib/links.js";
import { isOnlyEmoji, mentions, plainText } from "../pages/room/lib/markdown-text.js";
import { parse } from "../pages/room/lib/markdown.js";

/** @param {unknown} text */
const plain = (text) => ({ type: "text", text });
/** The inline nodes of a text of one paragraph. */
const line = (/** @type {string} */ text) => {
  const blocks = parse(text);
  assert.equal(blocks.length, 1);
  assert.equal(blocks[0].type, "paragraph");
  return blocks[0].children;
};
/** Every link in a tree, however deep. */
const linksIn = (/** @type {any} */ node) => {
  if (Array.isArray(node)) return node.flatMap(linksIn);
  if (typeof node !== "object" || node === null) return [];
  const below = Object.values(node).flatMap(linksIn);
  return node.type === "link" ? [node.href, ...below] : below;
};

test("bold, italic, struck out and code", () => {
  assert.deepEqual(line("**b**"), [{ type: "strong", children: [plain("b")] }]);
  assert.deepEqual(line("*i* and _i_"), [
    { type: "em", children: [plain("i")] },
    plain(" and "),
    { type: "em", children: [plain("i")] },
  ]);
  assert.deepEqual(line("~~s~~"), [{ type: "del", children: [plain("s")] }]);
  assert.deepEqual(line("`**raw**`"), [{ type: "code", text: "**raw**" }]);
  assert.deepEqual(line("**a *b* c**"), [
    { type: "strong", children: [plain("a "), { type: "em", children: [plain("b")] }, plain(" c")] },
  ]);
});

test("marks that mark nothing stay as they were written", () => {
  for (const text of ["2 * 3 * 4", "snake_case_name", "** x **", "*", "**", "a ~~ b", "`", "[x]", ":)", "@"]) {
    assert.deepEqual(line(text), [plain(text)], text);
  }
  assert.deepEqual(line("\\*not\\*"), [plain("*not*")]);
});

test("code blocks, quotes and lists", () => {
  assert.deepEqual(parse("```js\nlet a = 1;\n```"), [{ type: "codeblock", text: "let a = 1;" }]);
  assert.deepEqual(parse("```one line```"), [{ type: "codeblock", text: "one line" }]);
  assert.deepEqual(parse("```\nnever closed"), [{ type: "codeblock", text: "never closed" }]);
  assert.deepEqual(parse("> said\n> *so*\n\nyes").map((block) => block.type), ["quote", "paragraph"]);
  const list = parse("3. three\n4. four")[0];
  assert.deepEqual([list.type, list.ordered, list.start, list.items.length], ["list", true, 3, 2]);
  assert.equal(parse("- a\n- b")[0].items.length, 2);
});

test("a line end inside a paragraph is kept", () => {
  assert.deepEqual(line("a\nb"), [plain("a"), { type: "break" }, plain("b")]);
});

test("links, with words and bare, end where the sentence goes on", () => {
  assert.deepEqual(line("[Docs](https://example.org/a_(b))"), [
    { type: "link", href: "https://example.org/a_(b)", children: [plain("Docs")] },
  ]);
  assert.equal(leadingAddress("https://example.org/x."), "https://example.org/x");
  assert.equal(leadingAddress("https://example.org/a_(b) and"), "https://example.org/a_(b)");
  assert.deepEqual(linksIn(line("(see https://example.org/x)")), ["https://example.org/x"]);
  assert.deepEqual(linksIn(line("mailto:ann@example.org")), ["mailto:ann@example.org"]);
  assert.deepEqual(linksIn(line("[https://evil.example](https://example.org/)")), ["https://example.org/"]);
});

test("only whole http, https and mailto addresses become links", () => {
  const attempts = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "java\tscript:alert(1)",
    " javascript:alert(1)",
    "\u0001javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    "file:///etc/passwd",
    "//example.org/x",
    "/api/logout",
    "https:example.org",
    "http://",
    "https://exa mple.org",
    "blob:https://example.org/x",
  ];
  for (const address of attempts) {
    assert.equal(safeAddress(address), null, address);
    for (const href of linksIn(parse(`[x](${address})`))) assert.match(href, /^https:\/\//, address);
  }
});

test("HTML is text", () => {
  const attack = `<img src=x onerror="alert(1)"><script>alert(1)</script>`;
  assert.deepEqual(line(attack), [plain(attack)]);
});

test("quotes in addresses cannot leave the attribute: they are encoded", () => {
  const [href] = linksIn(parse(`[x](https://example.org/"onmouseover="alert(1))`));
  assert.ok(href === undefined || !href.includes('"'));
});

test("nesting and length are bounded, and no text takes long", () => {
  const started = performance.now();
  for (const hard of ["*".repeat(8000), ">".repeat(8000), "[".repeat(8000), "**a ".repeat(2000), "`".repeat(8000), "_a".repeat(4000), "~~a".repeat(2600), "@".repeat(8000), ":a".repeat(4000)]) {
    parse(hard);
    parse(`${hard} and beyond the limit`.repeat(2));
  }
  assert.ok(performance.now() - started < 5000);
  let depth = 0;
  for (let blocks = parse(`${"> ".repeat(50)}deep`); blocks[0]?.type === "quote"; blocks = blocks[0].children) depth += 1;
  assert.ok(depth > 2 && depth <= 6);
});

test("mentions stand at the start of a word", () => {
  assert.ok(mentions(parse("hello @Ann!"), "ann"));
  assert.ok(mentions(parse("> **@ann**"), "ann"));
  assert.ok(!mentions(parse("mail me: x@ann.example"), "ann"));
  assert.ok(!mentions(parse("@annabel"), "ann"));
  assert.ok(!mentions(parse("`@ann`"), "ann"));
});

test("emoji by name, and messages of emoji only", () => {
  assert.deepEqual(line(":ship: :nothing:"), [{ type: "emoji", char: "🚢", name: "ship" }, plain(" :nothing:")]);
  assert.ok(isOnlyEmoji(parse(":tada: 👍🏽 🇫🇷")));
  assert.ok(!isOnlyEmoji(parse(":tada: yes")));
  assert.ok(!isOnlyEmoji(parse("42")));
  assert.ok(!isOnlyEmoji(parse(":tada:".repeat(7))));
});

test("the words of a message without its marks", () => {
  assert.equal(plainText(parse("**hi** [there](https://example.org) :wave:\n\n> q\n- a\n- b")), "hi there 👋 q a, b");
});
