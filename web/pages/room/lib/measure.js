/** The length of a text as the server counts it. */

/**
 * @param {string} text
 * @returns {number} Unicode scalar values; a lone surrogate becomes one when it is sent
 */
export function scalars(text) {
  let count = 0;
  for (const _ of text) count += 1;
  return count;
}
