/**
 * Every word the room says, in one place, so that another language is another file of this
 * shape. Functions where a language may want another order or another plural. What stands
 * around every page has its words in `shell/strings.js`.
 */

const LIST = new Intl.ListFormat("en", { type: "conjunction" });
/** Names said in full before the rest is counted. */
const NAMES_SHOWN = 3;

/**
 * "ann", "ann and bob", "ann, bob, cleo, and 4 others"
 * @param {string[]} names
 */
function some(names) {
  if (names.length <= NAMES_SHOWN + 1) return LIST.format(names);
  const rest = names.length - NAMES_SHOWN;
  return LIST.format([...names.slice(0, NAMES_SHOWN), `${rest} others`]);
}

/**
 * @param {number} count
 * @param {string} one
 * @param {string} many
 */
function plural(count, one, many) {
  return `${count} ${count === 1 ? one : many}`;
}

export const t = {
  room: "Main deck",
  today: "Today",
  yesterday: "Yesterday",

  connection: {
    connecting: "Connecting…",
    closed: "Not connected",
    /** @param {number} count */
    here: (count) => `${count} here`,
  },

  header: {
    /** @param {number} count */
    people: (count) => `People here: ${count}`,
  },
  options: {
    sound: "Sound on new messages",
    notifications: "Desktop notifications",
    blocked: "Notifications are blocked in this browser's settings.",
  },
  people: {
    heading: "On deck",
    you: "you",
    close: "Close",
    /** @param {number} count */
    more: (count) => `and ${count} more`,
  },

  log: {
    label: "Messages",
    skip: "Skip to the message box",
    older: "Load older messages",
    loading: "Loading…",
    beginning: "This is where the log begins.",
    removed: "This message was removed.",
    new: "New messages",
    jump: "Jump to latest",
    /** @param {number} count */
    jumpNew: (count) => `${plural(count, "new message", "new messages")} – jump to latest`,
    emptyHeading: "All quiet on deck",
    emptyText: "Nobody has said anything yet. Say the first word, or bring somebody along.",
    invite: "Copy the address",
    invited: "Address copied",
    you: "You",
    sending: "Sending…",
    waiting: "Waiting for the connection…",
    retry: "Retry",
    discard: "Discard",
    /** @param {string | null} code */
    failed: (code) => `Not sent: ${REFUSALS[code ?? ""] ?? "the server refused it."}`,
    /** @param {{joined: string[], left: string[], visited: string[]}} sums */
    presence: ({ joined, left, visited }) =>
      [
        joined.length > 0 && `${some(joined)} joined`,
        left.length > 0 && `${some(left)} left`,
        visited.length > 0 && `${some(visited)} came and went`,
      ]
        .filter(Boolean)
        .join(" · "),
    /** @param {string[]} names */
    typing: (names) => `${some(names)} ${names.length === 1 ? "is" : "are"} typing`,
    link: "opens in a new tab",
  },

  composer: {
    label: "Message",
    placeholder: "Write a message",
    send: "Send",
    emoji: "Insert an emoji",
    suggestions: "Suggestions",
    /** @param {number} count */
    found: (count) => plural(count, "suggestion", "suggestions"),
    /** @param {number} count */
    left: (count) => `${count} left`,
    /** @param {number} count */
    over: (count) => `${plural(count, "character", "characters")} too many`,
    full: "Too many messages are waiting already. They are sent when the connection is back.",
    help: "Enter sends, Shift+Enter starts a new line. Type : for emoji, @ for people.",
  },

  announce: {
    /**
     * @param {string} author
     * @param {string} text
     */
    message: (author, text) => `${author}: ${text}`,
    /**
     * @param {number} count
     * @param {string} author
     */
    many: (count, author) => `${count} new messages, the last from ${author}`,
  },
};

/** @type {Record<string, string>} */
const REFUSALS = {
  message_too_long: "it is too long.",
  malformed_message: "the server could not read it.",
  rate_limited: "too many messages at once.",
  unavailable: "the server cannot store it right now.",
};
