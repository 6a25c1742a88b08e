/**
 * <pb-key>: the new account's key, shown this once. Set `session`, `name` and `key` before
 * connecting it. Asks: `signed-in`. The key is kept nowhere else and is gone with it.
 */

import { copyText } from "../lib/clipboard.js";
import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { t } from "../lib/strings.js";
import { View } from "../lib/view.js";
import { explain, whileBusy } from "./form-parts.js";

export class KeyCard extends View {
  /** @type {import("../stores/session.js").Session} */
  session = /** @type {never} */ (null);
  name = "";
  key = "";

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const heading = h("h2", { tabindex: "-1" }, t.key.heading);
    const shown = h("output", { class: "key", "aria-label": t.key.label, "data-key": true }, this.key);
    const copy = h("button", { type: "button", class: "secondary" }, icon("copy"), t.key.copy);
    const status = h("p", { class: "note", role: "status" });
    const error = h("p", { class: "error", role: "alert" });
    const button = h("button", { type: "submit", class: "primary" }, t.key.continue);
    const form = h(
      "form",
      {},
      // What password managers look for when they offer to keep a new account.
      h("input", { class: "visually-hidden", name: "username", autocomplete: "username", value: this.name, readonly: true, tabindex: "-1", "aria-hidden": "true" }),
      h("input", { class: "visually-hidden", type: "password", name: "password", autocomplete: "new-password", value: this.key, readonly: true, tabindex: "-1", "aria-hidden": "true" }),
      heading,
      h("p", {}, t.key.explain(this.name)),
      shown,
      h("div", { class: "pair" }, copy, this.#drawDownload()),
      status,
      error,
      button,
    );
    this.replaceChildren(form);
    heading.focus();
    copy.addEventListener("click", async () => {
      const done = await copyText(this.key);
      if (done) copy.replaceChildren(icon("check"), t.key.copied);
      status.textContent = done ? t.key.copied : t.key.copyFailed;
    }, { signal });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void whileBusy(button, t.login.busy, async () => {
        try {
          this.ask({ type: "signed-in", name: await this.session.login(this.key) });
        } catch (cause) {
          error.textContent = explain(cause, {});
        }
      });
    }, { signal });
  }

  #drawDownload() {
    const text = t.key.fileText(this.name, location.origin, this.key);
    const href = `data:text/plain;charset=utf-8,${encodeURIComponent(text)}`;
    return h("a", { class: "button secondary", href, download: t.key.file(this.name) }, icon("download"), t.key.download);
  }
}
