/**
 * Joins many changes into one drawing a frame. A hidden page gets no frames, so there a
 * slow timer stands in: the title and the list stay right without costing anything.
 */

/** Milliseconds between drawings while the page is hidden. */
const HIDDEN_INTERVAL_MS = 250;

/**
 * @param {() => void} draw
 * @param {AbortSignal} signal
 * @returns {() => void} asks for one drawing soon
 */
export function framed(draw, signal) {
  let asked = false;
  const run = () => {
    if (!asked) return;
    asked = false;
    if (!signal.aborted) draw();
  };
  return () => {
    if (asked) return;
    asked = true;
    if (document.hidden) setTimeout(run, HIDDEN_INTERVAL_MS);
    else requestAnimationFrame(run);
  };
}
