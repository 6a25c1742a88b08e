/** The reader's choices about every page, kept in this browser. */

/** @typedef {import("./types.js").ShellSettings} ShellSettings */

/**
 * @param {Record<string, unknown>} kept
 * @returns {ShellSettings}
 */
export function shellSettings({ theme }) {
  return { theme: theme === "light" || theme === "dark" ? theme : "auto" };
}
