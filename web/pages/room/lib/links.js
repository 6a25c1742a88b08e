/** Which addresses a message may link to, and where a bare one in running text ends. */

const SAFE = new Set(["http:", "https:", "mailto:"]);

/**
 * @param {string} address
 * @returns {string | null} the normalised address, or `null` for anything but a whole
 *   http, https or mailto address: `javascript:` and its disguises never become links
 */
export function safeAddress(address) {
  // Browsers drop tabs, line ends and leading controls from addresses; refuse instead.
  if (/[\u0000-\u0020\u007f]/.test(address)) return null;
  if (!/^(?:https?:\/\/|mailto:)[^\s]/i.test(address)) return null;
  try {
    const url = new URL(address);
    return SAFE.has(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * The bare address at the start of `text`, without the punctuation of the sentence.
 * @param {string} text
 * @returns {string | null}
 */
export function leadingAddress(text) {
  const found = /^(?:https?:\/\/|mailto:)[^\s<>"`]+/i.exec(text);
  if (!found) return null;
  let address = found[0];
  for (;;) {
    const last = address.at(-1) ?? "";
    const closesNothing = last === ")" && count(address, ")") > count(address, "(");
    if (!closesNothing && !/[.,;:!?'"*_~\]}]/.test(last)) break;
    address = address.slice(0, -1);
  }
  return safeAddress(address) ? address : null;
}

/**
 * @param {string} text
 * @param {string} char
 */
function count(text, char) {
  return text.split(char).length - 1;
}
