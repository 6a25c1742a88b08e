/** What stands in the message list while there are no messages. */

import { copyText } from "../../../lib/clipboard.js";
import { h } from "../../../lib/dom.js";
import { icon, mark } from "../../../lib/icons.js";
import { t } from "../strings.js";

/** Lines of the skeleton: widths as classes, so that no inline style is needed. */
const LINES = ["wide", "short", "middle", "wide", "short"];

/** Grey shapes while the first messages are on their way. */
export function skeleton() {
  return h("div", { class: "skeleton", "aria-hidden": "true" }, ...LINES.map((width) => h("div", { class: `bone ${width}` })));
}

/** An invitation, while the room has no messages. */
export function emptyRoom() {
  const copy = h("button", { type: "button", class: "secondary" }, icon("copy"), t.log.invite);
  const status = h("span", { class: "visually-hidden", role: "status" });
  copy.addEventListener("click", async () => {
    if (!(await copyText(location.origin))) return;
    copy.replaceChildren(icon("check"), t.log.invited);
    status.textContent = t.log.invited;
  });
  return h(
    "div",
    { class: "empty" },
    mark(),
    h("h2", {}, t.log.emptyHeading),
    h("p", {}, t.log.emptyText),
    copy,
    status,
  );
}
