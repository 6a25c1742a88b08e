/** Shapes shared between the room's own modules; nothing here crosses the wire (`wire.d.ts`). */

import type { Message } from "./wire";

/** A stored message; one's own keeps the id it was sent under, so that its row stays the same. */
export interface LoggedMessage extends Message {
  clientId?: string;
}

/** A person came or went, after the message with id `after`. */
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

/** The reader's choices about this page. */
export interface RoomSettings {
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

/** What the room's elements ask for; `page.js` answers. */
export type RoomIntent =
  | { type: "post"; text: string }
  | { type: "retry"; clientId: string }
  | { type: "discard"; clientId: string }
  | { type: "typing" }
  | { type: "load-older" }
  | { type: "load-newer" }
  | { type: "jump-to-latest" }
  | { type: "at-bottom"; value: boolean }
  | { type: "set"; settings: Partial<RoomSettings> };
