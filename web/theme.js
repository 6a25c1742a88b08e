/**
 * Runs before the first paint, so that a chosen theme does not flash the other one. The
 * only script of the page that blocks; everything else is a module.
 */
try {
  const kept = JSON.parse(localStorage.getItem("packetboat.settings") ?? "null");
  const theme = kept?.theme;
  if (theme === "light" || theme === "dark") document.documentElement.dataset["theme"] = theme;
} catch {
  // Storage is forbidden here: the system's theme it is.
}
