/** Shapes shared between the page's own modules; nothing here crosses the wire. */

import type { Message } from "./wire";

/** A stored message; one's own keeps the id it was sent under, so that its row stays the same. */
export interface LoggedMessage extends Message {
  clientId?: string;
}

/** Somebody came or went, after the message with id `after`. */
export interface Notice {
  seq: number;
  kind: "join" | "leave";
  name: string;
  at: number;
  after: number;
}

export interface LogState {
  /** False until the first welcome. */
  ready: boolean;
  messages: LoggedMessage[];
  notices: Notice[];
  /** There are older messages than the first. */
  more: boolean;
  /** The last message here is the room's latest. */
  attached: boolean;
  loading: "older" | "newer" | null;
}

export interface OutboxEntry {
  clientId: string;
  text: string;
  at: number;
  state: "queued" | "sent" | "failed";
  /** What the server said when it refused. */
  code?: string;
  /** It probably arrived before the connection broke: not shown until the answer is here. */
  echoed?: boolean;
}

export type ConnectionState =
  | { phase: "idle" }
  | { phase: "connecting"; again: boolean }
  | { phase: "open" }
  | { phase: "waiting"; until: number };

export type SessionState =
  /** `failed`: the server could not be asked so far. */
  | { phase: "checking"; failed: boolean }
  | { phase: "member"; name: string }
  /** `left` by the reader's wish, or `ended` by the server. */
  | { phase: "over"; reason: "left" | "ended" };

export interface Settings {
  theme: "auto" | "light" | "dark";
  sound: boolean;
  notifications: boolean;
  people: boolean;
}

export type Inline =
  | { type: "text"; text: string }
  | { type: "strong" | "em" | "del"; children: Inline[] }
  | { type: "code"; text: string }
  | { type: "link"; href: string; children: Inline[] }
  | { type: "mention"; name: string }
  | { type: "emoji"; char: string; name: string }
  | { type: "break" };

export type Block =
  | { type: "paragraph"; children: Inline[] }
  | { type: "quote"; children: Block[] }
  | { type: "list"; ordered: boolean; start: number; items: Inline[][] }
  | { type: "codeblock"; text: string };

export type MessageRow = {
  kind: "message";
  key: string;
  /** The first of a group: shows who and when. */
  head: boolean;
  own: boolean;
  author: string;
  text: string;
  at: number;
  clientId: string | null;
  state: "stored" | "queued" | "sent" | "failed";
  code: string | null;
};

export type Row =
  | { kind: "day"; key: string; at: number; label: string }
  | { kind: "new"; key: string }
  | { kind: "presence"; key: string; joined: string[]; left: string[]; visited: string[] }
  | MessageRow;

/** What an element asks for; `app.js` answers. */
export type Intent =
  | { type: "log-out"; onStuck: () => void }
  | { type: "post"; text: string }
  | { type: "retry"; clientId: string }
  | { type: "discard"; clientId: string }
  | { type: "typing" }
  | { type: "load-older" }
  | { type: "load-newer" }
  | { type: "jump-to-latest" }
  | { type: "at-bottom"; value: boolean }
  | { type: "reconnect" }
  | { type: "toggle-people" }
  | { type: "set"; settings: Partial<Settings> };
