/**
 * <pb-timeline>: the message list and its scrolling. Set `room` before connecting it.
 * Asks: `load-older`, `load-newer`, `jump-to-latest`, `at-bottom`, `retry`, `discard`.
 *
 * Invariant: whatever is put in or taken out above, what the reader looks at stays where
 * it is; a reader at the end stays at the end.
 */

import { h } from "../../../lib/dom.js";
import { framed } from "../../../lib/frame.js";
import { icon } from "../../../lib/icons.js";
import { reconcile } from "../../../lib/reconcile.js";
import { t } from "../strings.js";
import { View } from "../../../lib/view.js";
import { buildRows } from "../stores/rows.js";
import { emptyRoom, skeleton } from "./placeholders.js";
import { drawRow } from "./rows.js";

/** @typedef {import("../types.js").LogState} LogState */

/** Nearer to the end than this is at the end, pixels. */
const BOTTOM_SLACK_PX = 60;
/** Nearer to an edge than this loads the next page, pixels. */
const LOAD_WITHIN_PX = 500;

/** @extends {View<import("../types.js").RoomIntent>} */
export class Timeline extends View {
  /** @type {import("../stores/room.js").Room} */
  room = /** @type {never} */ (null);

  #scroller = h("div", { class: "scroller", role: "log", "aria-live": "off", "aria-label": t.log.label, tabindex: "0" });
  #top = h("div", { class: "log-top" });
  #list = h("ol", { class: "rows" });
  #placeholder = h("div", { class: "placeholder" });
  #jump = h("button", { type: "button", class: "jump", hidden: true });
  #atBottom = true;
  /** @type {boolean | null} what was last said about being at the end */
  #reported = null;
  /** The height of the list's window at the last look, to tell resizing from scrolling. */
  #height = 0;

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    this.#atBottom = true;
    this.#reported = null;
    this.#scroller.replaceChildren(this.#top, this.#placeholder, this.#list);
    this.replaceChildren(this.#scroller, this.#jump);
    const refresh = framed(() => this.#refresh(), signal);
    const { log, outbox, unread } = this.room;
    for (const source of [log.state, outbox.entries, unread.state, this.room.me]) {
      source.watch(refresh, signal);
    }
    this.#scroller.addEventListener("scroll", () => this.#scrolled(), { signal, passive: true });
    this.#jump.addEventListener("click", () => this.jumpToLatest(), { signal });
    this.addEventListener("click", (event) => this.#clicked(event), { signal });
    const resized = new ResizeObserver(() => this.#resized());
    resized.observe(this.#scroller);
    signal.addEventListener("abort", () => resized.disconnect());
  }

  jumpToLatest() {
    this.#atBottom = true;
    this.ask({ type: "jump-to-latest" });
    this.#scrollToEnd();
    this.#report();
  }

  #refresh() {
    const state = this.room.log.state.value;
    const anchor = this.#atBottom ? null : this.#anchor();
    this.#drawTop(state);
    this.#drawRows(state);
    this.#drawPlaceholder(state);
    if (anchor === null) this.#scrollToEnd();
    else this.#scroller.scrollTop += this.#topOf(anchor.key) - anchor.top;
    this.#report();
    this.#loadAtEdges();
  }

  /** @param {LogState} state */
  #drawRows(state) {
    const rows = buildRows({
      messages: state.messages,
      notices: state.notices,
      pending: state.attached && state.ready ? this.room.outbox.entries.value : [],
      me: this.room.me.value,
      newFrom: this.room.unread.state.value.from,
      now: Date.now(),
    });
    reconcile(this.#list, rows, (row) => drawRow(row, this.room.me.value));
  }

  /** @param {LogState} state */
  #drawTop({ ready, more, loading, messages }) {
    this.#scroller.setAttribute("aria-busy", String(!ready || loading !== null));
    const label = loading === "older" ? t.log.loading : t.log.older;
    const had = this.#top.querySelector("button");
    if (more && had) {
      // The same button stays, so that the keyboard keeps its place on it.
      had.textContent = label;
    } else if (more) {
      this.#top.replaceChildren(h("button", { type: "button", class: "small", "data-action": "older" }, label));
    } else {
      const begun = ready && messages.length > 0;
      if (had === document.activeElement && had !== null) this.#scroller.focus({ preventScroll: true });
      this.#top.replaceChildren(...(begun ? [h("p", { class: "beginning" }, t.log.beginning)] : []));
    }
  }

  /** @param {LogState} state */
  #drawPlaceholder({ ready }) {
    const empty = this.#list.querySelector(".message") === null;
    const wanted = !ready ? "loading" : empty ? "empty" : "";
    if (this.#placeholder.dataset["kind"] === wanted) return;
    this.#placeholder.dataset["kind"] = wanted;
    this.#placeholder.replaceChildren(
      ...(wanted === "loading" ? [skeleton()] : wanted === "empty" ? [emptyRoom()] : []),
    );
  }

  /** @param {LogState} state */
  #drawJump({ attached, ready }) {
    const { count } = this.room.unread.state.value;
    this.#jump.hidden = !ready || (this.#atBottom && attached);
    const label = count > 0 ? t.log.jumpNew(count) : t.log.jump;
    if (this.#jump.textContent !== label) this.#jump.replaceChildren(icon("down"), label);
    this.#jump.classList.toggle("has-new", count > 0);
  }

  /**
   * The first message in sight and where it is, to put it back there. By key, as its row
   * may be drawn anew; a message, as headings move when others come above them.
   */
  #anchor() {
    const { scrollTop } = this.#scroller;
    for (const row of this.#list.children) {
      if (!(row instanceof HTMLElement) || !row.classList.contains("message")) continue;
      const top = row.offsetTop;
      if (top + row.offsetHeight > scrollTop) return { key: row.dataset["key"] ?? "", top };
    }
    return { key: "", top: 0 };
  }

  /** @param {string} key */
  #topOf(key) {
    const row = this.#list.querySelector(`[data-key="${CSS.escape(key)}"]`);
    return row instanceof HTMLElement ? row.offsetTop : 0;
  }

  #scrolled() {
    // A keyboard sliding in makes the list shorter: that is not the reader scrolling up.
    if (this.#height !== this.#scroller.clientHeight) return;
    this.#look();
    this.#loadAtEdges();
  }

  #resized() {
    this.#height = this.#scroller.clientHeight;
    if (this.#atBottom) this.#scrollToEnd();
    else this.#look();
  }

  #look() {
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const atBottom = scrollHeight - scrollTop - clientHeight < BOTTOM_SLACK_PX;
    if (atBottom === this.#atBottom) return;
    this.#atBottom = atBottom;
    this.#report();
  }

  #report() {
    const state = this.room.log.state.value;
    const value = this.#atBottom && state.attached;
    if (value !== this.#reported) this.ask({ type: "at-bottom", value });
    this.#reported = value;
    this.#drawJump(state);
  }

  #loadAtEdges() {
    const { ready, more, attached, loading } = this.room.log.state.value;
    if (!ready || loading !== null) return;
    const { scrollTop, scrollHeight, clientHeight } = this.#scroller;
    const below = scrollHeight - scrollTop - clientHeight;
    if (!attached && below < LOAD_WITHIN_PX) {
      // New rows come in below; the reader stays where they are.
      this.#atBottom = false;
      this.ask({ type: "load-newer" });
    } else if (more && scrollTop < LOAD_WITHIN_PX && (!this.#atBottom || scrollHeight <= clientHeight)) {
      this.ask({ type: "load-older" });
    }
  }

  #scrollToEnd() {
    this.#scroller.scrollTop = this.#scroller.scrollHeight;
  }

  /** @param {Event} event */
  #clicked(event) {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const { action, clientId } = button?.dataset ?? {};
    if (action === "older") {
      this.#atBottom = false;
      this.ask({ type: "load-older" });
    } else if (action === "retry" && clientId) this.ask({ type: "retry", clientId });
    else if (action === "discard" && clientId) this.ask({ type: "discard", clientId });
  }
}
