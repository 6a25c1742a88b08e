/** A person's colour and initial. Only the hue differs: lightness comes from the theme. */

/**
 * @param {string} name
 * @returns {number} 0–359, the same for a name in any case
 */
export function hueOf(name) {
  // FNV-1a, 32 bits: spreads similar names well and needs no table.
  let hash = 0x811c9dc5;
  for (const char of name.toLowerCase()) {
    hash = Math.imul(hash ^ (char.codePointAt(0) ?? 0), 0x01000193);
  }
  return (hash >>> 0) % 360;
}

/** @param {string} name */
export function initialOf(name) {
  return ([...name][0] ?? "?").toUpperCase();
}
