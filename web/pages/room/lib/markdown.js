/**
 * Message text → a tree. Pure: no DOM, no HTML; `elements/message-body.js` draws the tree.
 * Anything not understood stays the text it was. Absent on purpose: HTML, images,
 * headings, reference links, tables.
 */

import { charOf } from "./emoji.js";
import { leadingAddress, safeAddress } from "./links.js";

/** @typedef {import("../types.js").Block} Block */
/** @typedef {import("../types.js").Inline} Inline */

/** Longer texts are shown plainly; the server's limit is far below. */
const LENGTH_LIMIT = 8_000;
/** How deep quotes and emphasis may nest. */
const DEPTH_LIMIT = 6;

const FENCE = /^\s{0,3}```/;
const QUOTE = /^\s{0,3}>\s?/;
const BULLET = /^\s{0,3}[-*+]\s+(?=\S)/;
const NUMBER = /^\s{0,3}(\d{1,6})[.)]\s+(?=\S)/;

/**
 * @param {string} text
 * @returns {Block[]}
 */
export function parse(text) {
  if (text.length > LENGTH_LIMIT) {
    return [{ type: "paragraph", children: [{ type: "text", text }] }];
  }
  return blocks(text.replaceAll(/\r\n?/g, "\n").split("\n"), 0);
}

/**
 * @param {string[]} lines
 * @param {number} depth
 * @returns {Block[]}
 */
function blocks(lines, depth) {
  /** @type {Block[]} */
  const out = [];
  let at = 0;
  while (at < lines.length) {
    const line = lines[at] ?? "";
    if (line.trim() === "") {
      at += 1;
      continue;
    }
    const [block, next] =
      fenced(lines, at) ?? quoted(lines, at, depth) ?? listed(lines, at) ?? paragraph(lines, at);
    out.push(block);
    at = next;
  }
  return out;
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Block, number] | null}
 */
function fenced(lines, at) {
  const first = lines[at] ?? "";
  if (!FENCE.test(first)) return null;
  const oneLine = /^\s{0,3}```(.+?)```\s*$/.exec(first);
  if (oneLine?.[1]) return [{ type: "codeblock", text: oneLine[1].trim() }, at + 1];
  let end = at + 1;
  while (end < lines.length && !FENCE.test(lines[end] ?? "")) end += 1;
  // An opening fence names a language, if it is one word; otherwise the code starts there.
  const rest = first.replace(FENCE, "").trim();
  const body = lines.slice(at + 1, end);
  if (rest !== "" && (!/^[\w+#.-]+$/.test(rest) || body.length === 0)) body.unshift(rest);
  return [{ type: "codeblock", text: body.join("\n") }, end + 1];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @param {number} depth
 * @returns {[Block, number] | null}
 */
function quoted(lines, at, depth) {
  if (depth >= DEPTH_LIMIT) return null;
  let end = at;
  while (end < lines.length && QUOTE.test(lines[end] ?? "")) end += 1;
  if (end === at) return null;
  const inner = lines.slice(at, end).map((line) => line.replace(QUOTE, ""));
  return [{ type: "quote", children: blocks(inner, depth + 1) }, end];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Block, number] | null}
 */
function listed(lines, at) {
  const first = lines[at] ?? "";
  const marker = BULLET.test(first) ? BULLET : NUMBER.test(first) ? NUMBER : null;
  if (marker === null) return null;
  const items = [];
  let end = at;
  while (end < lines.length && marker.test(lines[end] ?? "")) {
    items.push(inlines((lines[end] ?? "").replace(marker, ""), 0));
    end += 1;
  }
  const start = Number(NUMBER.exec(first)?.[1] ?? 1);
  return [{ type: "list", ordered: marker === NUMBER, start, items }, end];
}

/**
 * @param {string[]} lines
 * @param {number} at
 * @returns {[Block, number]}
 */
function paragraph(lines, at) {
  let end = at + 1;
  const starts = (/** @type {string} */ line) =>
    line.trim() === "" || [FENCE, QUOTE, BULLET, NUMBER].some((mark) => mark.test(line));
  while (end < lines.length && !starts(lines[end] ?? "")) end += 1;
  /** @type {Inline[]} */
  const children = [];
  for (const [index, line] of lines.slice(at, end).entries()) {
    if (index > 0) children.push({ type: "break" });
    children.push(...inlines(line, 0));
  }
  return [{ type: "paragraph", children }, end];
}

/**
 * One line of running text. At each place the first rule that fits wins; where none fits,
 * one character is text.
 * @param {string} line
 * @param {number} depth
 * @returns {Inline[]}
 */
function inlines(line, depth) {
  /** @type {Inline[]} */
  const out = [];
  let plain = "";
  let at = 0;
  while (at < line.length) {
    const before = at === 0 ? "" : (line[at - 1] ?? "");
    const found = depth < DEPTH_LIMIT ? inlineAt(line.slice(at), before, depth) : null;
    if (found === null) {
      plain += line[at];
      at += 1;
      continue;
    }
    const [node, length] = found;
    at += length;
    if (node.type === "text") {
      plain += node.text;
      continue;
    }
    if (plain !== "") out.push({ type: "text", text: plain });
    plain = "";
    out.push(node);
  }
  if (plain !== "") out.push({ type: "text", text: plain });
  return out;
}

/** @typedef {(rest: string, before: string, depth: number) => [Inline, number] | null} Rule */

/** Rules by the character they start with, so that plain text costs one look-up each. */
/** @type {Record<string, Rule[]>} */
const RULES = {
  "\\": [escaped],
  "`": [code],
  "*": [(rest, _, depth) => wrapped(rest, depth, "**", "strong") ?? wrapped(rest, depth, "*", "em")],
  _: [underscored],
  "~": [(rest, _, depth) => wrapped(rest, depth, "~~", "del")],
  "[": [link],
  ":": [emoji],
  "@": [mention],
  h: [address],
  H: [address],
  m: [address],
  M: [address],
};

/** @type {Rule} */
function inlineAt(rest, before, depth) {
  const rules = Object.hasOwn(RULES, rest[0] ?? "") ? (RULES[rest[0] ?? ""] ?? []) : [];
  for (const rule of rules) {
    const found = rule(rest, before, depth);
    if (found) return found;
  }
  return null;
}

/** @type {Rule} */
function escaped(rest) {
  const char = rest[1] ?? "";
  return /[\\`*_~[\]():@>#+.!-]/.test(char) ? [{ type: "text", text: char }, 2] : null;
}

/** @type {Rule} */
function code(rest) {
  const found = /^(`+)(.+?)\1(?!`)/.exec(rest);
  if (!found?.[2]) return null;
  const text = found[2].trim() === "" ? found[2] : found[2].trim();
  return [{ type: "code", text }, found[0].length];
}

/**
 * @param {string} rest
 * @param {number} depth
 * @param {string} mark
 * @param {"strong" | "em" | "del"} type
 * @returns {[Inline, number] | null}
 */
function wrapped(rest, depth, mark, type) {
  if (!rest.startsWith(mark) || /^\s|^$/.test(rest.slice(mark.length))) return null;
  if (mark === "*" && rest.startsWith("**")) return null;
  for (let end = mark.length + 1; end <= rest.length - mark.length; end += 1) {
    if (!rest.startsWith(mark, end) || /\s|\\/.test(rest[end - 1] ?? "")) continue;
    if (mark === "*" && (rest[end + 1] === "*" || rest[end - 1] === "*")) {
      // Two stars are bold inside italics: step over both.
      end += rest[end + 1] === "*" ? 1 : 0;
      continue;
    }
    if (mark === "**" && rest[end + 2] === "*") continue;
    const children = inlines(rest.slice(mark.length, end), depth + 1);
    return [{ type, children }, end + mark.length];
  }
  return null;
}

/** Underscores emphasise whole words only: `snake_case_names` stay as they are. */
/** @type {Rule} */
function underscored(rest, before, depth) {
  if (/[\p{L}\p{N}_]/u.test(before)) return null;
  const found = /^(__?)(?![\s_])(.*?[^\s_\\])\1(?![\p{L}\p{N}_])/u.exec(rest);
  if (!found?.[2]) return null;
  const type = found[1] === "__" ? "strong" : "em";
  return [{ type, children: inlines(found[2], depth + 1) }, found[0].length];
}

/** @type {Rule} */
function link(rest, _before, depth) {
  const found = /^\[([^[\]]+)\]\(((?:[^\s()]|\([^\s()]*\))+)\)/.exec(rest);
  if (!found?.[1] || !found[2]) return null;
  const href = safeAddress(found[2]);
  if (href === null) return null;
  const children = unlinked(inlines(found[1], depth + 1));
  return [{ type: "link", href, children }, found[0].length];
}

/**
 * Links hold no links.
 * @param {Inline[]} nodes
 * @returns {Inline[]}
 */
function unlinked(nodes) {
  return nodes.flatMap((node) => {
    if (node.type === "link") return unlinked(node.children);
    if ("children" in node) return [{ ...node, children: unlinked(node.children) }];
    return [node.type === "mention" ? { type: "text", text: `@${node.name}` } : node];
  });
}

/** @type {Rule} */
function address(rest, before) {
  if (/[\p{L}\p{N}]/u.test(before)) return null;
  const text = leadingAddress(rest);
  const href = text === null ? null : safeAddress(text);
  if (text === null || href === null) return null;
  return [{ type: "link", href, children: [{ type: "text", text }] }, text.length];
}

/** @type {Rule} */
function emoji(rest) {
  const name = /^:([a-z0-9_+-]{1,32}):/.exec(rest)?.[1];
  const char = name === undefined ? null : charOf(name);
  if (name === undefined || char === null) return null;
  return [{ type: "emoji", char, name }, name.length + 2];
}

/** @type {Rule} */
function mention(rest, before) {
  if (/[\p{L}\p{N}@/.]/u.test(before)) return null;
  const name = /^@([A-Za-z0-9]{1,32})(?![\p{L}\p{N}])/u.exec(rest)?.[1];
  return name === undefined ? null : [{ type: "mention", name }, name.length + 1];
}
