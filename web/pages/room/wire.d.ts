/**
 * The frames of `packetboat.v1`, as docs/PROTOCOL.md states them. Ids are integers that
 * rise without gaps within a room; `at` is milliseconds since the Unix epoch.
 */

export interface Message {
  id: number;
  at: number;
  author: string;
  text: string;
  /** An admin took the text away, which is empty since. */
  removed?: boolean;
}

export interface Welcome {
  type: "welcome";
  you: string;
  epoch: string;
  recovered: boolean;
  messages: Message[];
  more: boolean;
  online: string[];
  online_count: number;
  limits: { text: number; history: number };
  /** Of the messages the page may know already, those removed lately. */
  removed?: number[];
}

/**
 * Who came and went since the last such frame; without names only the number is news.
 * `online` replaces the list (at most 500 names, sorted).
 */
export interface Presence {
  online_count: number;
  joined?: string[];
  left?: string[];
  online?: string[];
}

export type ServerFrame =
  | Welcome
  | ({ type: "message" } & Message)
  | { type: "ack"; client_id: string; id: number; at: number }
  | { type: "nack"; client_id: string; code: string; error: string }
  | { type: "history"; before: number; messages: Message[]; more: boolean }
  | { type: "removed"; id: number }
  | { type: "join"; username: string; online_count: number }
  | { type: "leave"; username: string; online_count: number }
  | ({ type: "presence" } & Presence)
  | { type: "typing"; username: string }
  | { type: "error"; code: string; error: string };

export type ClientFrame =
  | { type: "post"; client_id: string; text: string }
  | { type: "history"; before: number; limit?: number }
  | { type: "typing" }
  | { type: "alive" };
