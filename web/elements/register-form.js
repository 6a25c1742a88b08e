/** <pb-register>: a name in, a key out. Set `session` and `onKey` before connecting it. */

import { h } from "../lib/dom.js";
import { t } from "../lib/strings.js";
import { View } from "../lib/view.js";
import { explain, oneFieldForm, whileBusy } from "./form-parts.js";

const VALID = /^[A-Za-z0-9]{1,32}$/;

export class RegisterForm extends View {
  /** @type {import("../stores/session.js").Session} */
  session = /** @type {never} */ (null);
  /** @type {(name: string, key: string) => void} */
  onKey = () => {};

  /**
   * @override
   * @param {AbortSignal} signal
   */
  draw(signal) {
    const field = h("input", {
      id: "register-username",
      name: "username",
      autocomplete: "username",
      autocapitalize: "none",
      spellcheck: "false",
      maxlength: "64",
      required: true,
    });
    const button = h("button", { type: "submit", class: "primary" }, t.register.submit);
    const { form, showError } = oneFieldForm({ field, label: t.register.username, hint: t.register.hint, button });
    this.replaceChildren(form);
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = field.value.trim();
      if (!VALID.test(name)) {
        showError(t.register.invalid);
        return;
      }
      showError("");
      void whileBusy(button, t.register.busy, async () => {
        try {
          this.onKey(name, await this.session.register(name));
        } catch (error) {
          const { invalid, taken } = t.register;
          showError(explain(error, { 400: invalid, 409: taken, 422: invalid }));
        }
      });
    }, { signal });
  }
}
