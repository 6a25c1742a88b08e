/**
 * A parsed message as DOM. User text becomes text nodes only, and the only attribute that
 * carries any is a link's `href`, which `lib/links.js` has checked.
 */

import { h } from "../../../lib/dom.js";
import { parse } from "../lib/markdown.js";
import { isOnlyEmoji, mentions } from "../lib/markdown-text.js";
import { t } from "../strings.js";

/** @typedef {import("../types.js").Block} Block */
/** @typedef {import("../types.js").Inline} Inline */

/**
 * @param {string} text
 * @param {string} me whose mentions stand out
 * @returns {{body: HTMLElement, mentioned: boolean}}
 */
export function messageBody(text, me) {
  const blocks = parse(text);
  const body = h("div", { class: "body", dir: "auto" }, ...blocks.map((block) => drawBlock(block, me)));
  if (isOnlyEmoji(blocks)) body.classList.add("large");
  return { body, mentioned: mentions(blocks, me) };
}

/**
 * @param {Block} block
 * @param {string} me
 * @returns {HTMLElement}
 */
function drawBlock(block, me) {
  switch (block.type) {
    case "codeblock":
      return h("pre", { tabindex: "0" }, h("code", {}, block.text));
    case "quote":
      return h("blockquote", {}, ...block.children.map((child) => drawBlock(child, me)));
    case "list": {
      const items = block.items.map((item) => h("li", {}, ...drawInlines(item, me)));
      if (!block.ordered) return h("ul", {}, ...items);
      return h("ol", { start: block.start }, ...items);
    }
    case "paragraph":
      return h("p", {}, ...drawInlines(block.children, me));
  }
}

/**
 * @param {Inline[]} nodes
 * @param {string} me
 * @returns {Node[]}
 */
function drawInlines(nodes, me) {
  return nodes.map((node) => drawInline(node, me));
}

/**
 * @param {Inline} node
 * @param {string} me
 * @returns {Node}
 */
function drawInline(node, me) {
  switch (node.type) {
    case "text":
      return drawText(node.text);
    case "break":
      return h("br");
    case "code":
      return h("code", {}, node.text);
    case "emoji":
      return h("span", { class: "emoji", role: "img", "aria-label": node.name.replaceAll("_", " "), title: `:${node.name}:` }, node.char);
    case "mention": {
      const mine = node.name.toLowerCase() === me.toLowerCase();
      return h("span", { class: mine ? "mention mine" : "mention" }, `@${node.name}`);
    }
    case "link":
      return drawLink(node.href, drawInlines(node.children, me));
    default:
      return h(node.type, {}, ...drawInlines(node.children, me));
  }
}

/**
 * Emoji among the words get the emoji font: many text fonts hold a few of them in black
 * and white. Their own name is what screen readers say anyway.
 * @param {string} text
 */
function drawText(text) {
  const all = document.createDocumentFragment();
  // Splitting by a group leaves the matches at the odd places.
  for (const [index, part] of text.split(/(\p{RGI_Emoji})/v).entries()) {
    all.append(index % 2 === 0 ? part : h("span", { class: "emoji" }, part));
  }
  return all;
}

/**
 * @param {string} href
 * @param {Node[]} children
 */
function drawLink(href, children) {
  // The title shows where a link with other words really leads.
  const link = h("a", { href, target: "_blank", rel: "noopener noreferrer nofollow", title: href }, ...children);
  link.append(h("span", { class: "visually-hidden" }, ` (${t.log.link})`));
  return link;
}
