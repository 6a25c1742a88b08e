/** Getting the attention of a reader who is elsewhere: a sound, a desktop notification. */

/** Sounds are at least this far apart, milliseconds. */
const CHIME_GAP_MS = 1_000;
/** Characters of a message in a notification. */
const TEXT_LIMIT = 180;

/** @type {AudioContext | null} */
let audio = null;
let chimedAt = -Infinity;

/** Two short falling notes, like a ship's bell far off. Silent until the page was clicked. */
export function chime() {
  const now = performance.now();
  if (now - chimedAt < CHIME_GAP_MS || typeof AudioContext === "undefined") return;
  chimedAt = now;
  audio ??= new AudioContext();
  if (audio.state === "suspended") void audio.resume();
  note(audio, 880, 0);
  note(audio, 659, 0.11);
}

/**
 * @param {AudioContext} context
 * @param {number} hertz
 * @param {number} after seconds
 */
function note(context, hertz, after) {
  const start = context.currentTime + after;
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = hertz;
  tone.type = "sine";
  volume.gain.setValueAtTime(0, start);
  volume.gain.linearRampToValueAtTime(0.09, start + 0.012);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + 0.32);
  tone.connect(volume).connect(context.destination);
  tone.start(start);
  tone.stop(start + 0.34);
}

/** @returns {Promise<boolean>} whether notifications may be shown, asking if need be */
export async function mayNotify() {
  if (typeof Notification === "undefined") return false;
  if (Notification.permission === "default") await Notification.requestPermission();
  return Notification.permission === "granted";
}

/**
 * @param {string} author
 * @param {string} text
 */
export function notify(author, text) {
  if (typeof Notification === "undefined" || Notification.permission !== "granted") return;
  const body = text.length > TEXT_LIMIT ? `${text.slice(0, TEXT_LIMIT)}…` : text;
  try {
    // One tag: the newest notification takes the place of the one before.
    const shown = new Notification(author, { body, tag: "packetboat", icon: "/favicon.svg" });
    shown.onclick = () => {
      window.focus();
      shown.close();
    };
  } catch {
    // Some phones allow notifications only from service workers, which we do not have.
  }
}
