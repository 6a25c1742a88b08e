/** What can be said about a parsed message without drawing it. */

import { isOneEmoji } from "./emoji.js";

/** @typedef {import("../types.js").Block} Block */
/** @typedef {import("../types.js").Inline} Inline */

/** A message of at most this many emoji, and nothing else, is drawn large. */
const LARGE_LIMIT = 6;

/**
 * The words of a message, for notifications and screen readers.
 * @param {Block[]} blocks
 * @returns {string}
 */
export function plainText(blocks) {
  return blocks
    .map((block) => {
      if (block.type === "codeblock") return block.text;
      if (block.type === "quote") return plainText(block.children);
      if (block.type === "list") return block.items.map(inlineText).join(", ");
      return inlineText(block.children);
    })
    .join(" ")
    .replaceAll(/\s+/g, " ")
    .trim();
}

/**
 * @param {Block[]} blocks
 * @param {string} name
 * @returns {boolean} whether `@name` occurs, without regard to case
 */
export function mentions(blocks, name) {
  const wanted = name.toLowerCase();
  return allInlines(blocks).some(
    (node) => node.type === "mention" && node.name.toLowerCase() === wanted,
  );
}

/**
 * @param {Block[]} blocks
 * @returns {boolean} whether the message is a few emoji and nothing else
 */
export function isOnlyEmoji(blocks) {
  if (blocks.length !== 1 || blocks[0]?.type !== "paragraph") return false;
  let seen = 0;
  for (const node of blocks[0].children) {
    if (node.type === "emoji") seen += 1;
    else if (node.type !== "text") return false;
    else {
      const parts = [...new Intl.Segmenter().segment(node.text)].map((part) => part.segment);
      const marks = parts.filter((part) => part.trim() !== "");
      if (!marks.every(isOneEmoji)) return false;
      seen += marks.length;
    }
  }
  return seen > 0 && seen <= LARGE_LIMIT;
}

/**
 * @param {Inline[]} nodes
 * @returns {string}
 */
function inlineText(nodes) {
  return nodes
    .map((node) => {
      if (node.type === "break") return " ";
      if (node.type === "emoji") return node.char;
      if (node.type === "mention") return `@${node.name}`;
      return "children" in node ? inlineText(node.children) : node.text;
    })
    .join("");
}

/**
 * @param {Block[]} blocks
 * @returns {Inline[]}
 */
function allInlines(blocks) {
  /** @type {(nodes: Inline[]) => Inline[]} */
  const flat = (nodes) =>
    nodes.flatMap((node) => ("children" in node ? [node, ...flat(node.children)] : [node]));
  return blocks.flatMap((block) => {
    if (block.type === "quote") return allInlines(block.children);
    if (block.type === "list") return flat(block.items.flat());
    return block.type === "paragraph" ? flat(block.children) : [];
  });
}
