/** <pb-login>: the key in. Set `session` before connecting it. Asks: `signed-in`. */

import { h } from "../lib/dom.js";
import { icon } from "../lib/icons.js";
import { t } from "../lib/strings.js";
import { View } from "../lib/view.js";
import { explain, oneFieldForm, whileBusy } from "./form-parts.js";

export class LoginForm extends View {
  /** @type {import("../stores/session.js").Session} */
  session = /** @type {never} */ (null);

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const field = h("input", {
      id: "login-key",
      name: "password",
      type: "password",
      autocomplete: "current-password",
      autocapitalize: "none",
      spellcheck: "false",
      required: true,
    });
    // Password managers file a key under a name; people need not type one.
    const username = h("input", { class: "visually-hidden", name: "username", autocomplete: "username", tabindex: "-1", "aria-hidden": "true" });
    const show = h("button", { type: "button", class: "quiet", "aria-label": t.login.show, "aria-pressed": "false" }, icon("eye"));
    const button = h("button", { type: "submit", class: "primary" }, t.login.submit);
    const { form, showError } = oneFieldForm({ field, label: t.login.key, hint: t.login.hint, beside: show, before: [username], button });
    this.replaceChildren(form);
    show.addEventListener("click", () => {
      const shown = field.type === "password";
      field.type = shown ? "text" : "password";
      show.setAttribute("aria-pressed", String(shown));
    }, { signal });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      // Keys copied from a file or a mail bring spaces and line ends along.
      const key = field.value.replaceAll(/\s/g, "");
      if (key === "") {
        showError(t.login.empty);
        return;
      }
      showError("");
      void whileBusy(button, t.login.busy, async () => {
        try {
          this.ask({ type: "signed-in", name: await this.session.login(key) });
        } catch (error) {
          showError(explain(error, { 401: t.login.unknown, 422: t.login.unknown }));
        }
      });
    }, { signal });
  }
}
