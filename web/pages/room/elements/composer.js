/**
 * <pb-composer>: writing a message. Set `room` and `drafts` before connecting it.
 * Asks: `post`, `typing`.
 */

import { Completion } from "./completion.js";
import { h } from "../../../lib/dom.js";
import { icon } from "../../../lib/icons.js";
import { scalars } from "../lib/measure.js";
import { t } from "../strings.js";
import { View } from "../../../lib/view.js";

/** The counter appears when fewer characters than this are left. */
const COUNTER_WITHIN = 60;
/** The text area grows up to this height, pixels; then it scrolls. */
const HEIGHT_LIMIT_PX = 200;

/** @extends {View<import("../types.js").RoomIntent>} */
export class Composer extends View {
  /** @type {import("../stores/room.js").Room} */
  room = /** @type {never} */ (null);
  /** @type {import("../../../lib/storage.js").JsonStorage} */
  drafts = /** @type {never} */ (null);

  #text = h("textarea", {
    id: "composer-text",
    rows: "1",
    placeholder: t.composer.placeholder,
    "aria-label": t.composer.label,
    "aria-describedby": "composer-help composer-note",
    "aria-autocomplete": "list",
    enterkeyhint: matchMedia("(pointer: coarse)").matches ? "enter" : "send",
    autocomplete: "off",
  });
  #send = h("button", { type: "submit", class: "send", "aria-label": t.composer.send }, icon("send"));
  #note = h("p", { id: "composer-note", class: "note", role: "status" });
  #counter = h("span", { class: "counter", "aria-hidden": "true" });
  /** @type {Completion | null} */
  #completion = null;

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const emoji = h("button", { type: "button", class: "quiet", "aria-label": t.composer.emoji }, icon("emoji"));
    const form = h("form", { class: "composer" }, emoji, this.#text, this.#counter, this.#send);
    this.replaceChildren(form, this.#note, h("p", { id: "composer-help", class: "visually-hidden" }, t.composer.help));
    this.#completion = new Completion(this.#text, () => this.#others(), signal);
    form.prepend(this.#completion.element);

    this.room.me.watch(() => this.#restore(), signal);
    this.room.textLimit.watch(() => this.#measure(), signal);
    this.#text.addEventListener("input", () => this.#changed(), { signal });
    this.#text.addEventListener("keydown", (event) => this.#key(event), { signal });
    form.addEventListener("submit", (event) => this.#submit(event), { signal });
    emoji.addEventListener("click", () => this.#completion?.openEmoji(), { signal });
    window.addEventListener("resize", () => this.#grow(), { signal });
  }

  /** Puts the caret in, except where that would cover half the screen with a keyboard. */
  focusGently() {
    if (!matchMedia("(pointer: coarse)").matches) this.#text.focus();
  }

  /** Drops what was being written. */
  forget() {
    this.#text.value = "";
    this.#changed();
  }

  #others() {
    const me = this.room.me.value;
    return this.room.people.state.value.names.filter((name) => name !== me);
  }

  get #draftKey() {
    return `draft.${this.room.me.value}`;
  }

  #restore() {
    const draft = this.drafts.get(this.#draftKey);
    if (typeof draft === "string" && this.#text.value === "") this.#text.value = draft;
    this.#measure();
  }

  #changed() {
    this.drafts.set(this.#draftKey, this.#text.value === "" ? null : this.#text.value);
    this.#note.textContent = "";
    this.#measure();
    if (this.#text.value.trim() !== "") this.ask({ type: "typing" });
  }

  #measure() {
    const left = this.room.textLimit.value - scalars(this.#text.value.trim());
    this.#counter.textContent = left < COUNTER_WITHIN ? String(left) : "";
    this.classList.toggle("over", left < 0);
    if (left < 0) this.#note.textContent = t.composer.over(-left);
    else if (this.#note.dataset["kind"] === "over") this.#note.textContent = "";
    this.#note.dataset["kind"] = left < 0 ? "over" : "";
    this.#text.toggleAttribute("aria-invalid", left < 0);
    this.#send.classList.toggle("ready", this.#text.value.trim() !== "" && left >= 0);
    this.#grow();
  }

  #grow() {
    this.#text.style.height = "auto";
    this.#text.style.height = `${Math.min(this.#text.scrollHeight, HEIGHT_LIMIT_PX)}px`;
  }

  /** @param {KeyboardEvent} event */
  #key(event) {
    if (event.isComposing || this.#completion?.key(event)) return;
    const plain = !event.shiftKey && !event.ctrlKey && !event.altKey && !event.metaKey;
    const wanted = event.ctrlKey || event.metaKey || !matchMedia("(pointer: coarse)").matches;
    if (event.key === "Enter" && wanted && (plain || event.ctrlKey || event.metaKey)) this.#submit(event);
  }

  /** @param {Event} event */
  #submit(event) {
    event.preventDefault();
    const text = this.#text.value.trim();
    if (text === "" || scalars(text) > this.room.textLimit.value) return;
    if (this.room.outbox.full) {
      this.#note.textContent = t.composer.full;
      return;
    }
    this.#text.value = "";
    this.#completion?.close();
    this.#changed();
    this.#text.focus();
    this.ask({ type: "post", text });
  }
}
