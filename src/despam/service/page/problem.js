/* Shows what went wrong: a title, what to do, what the server said, and the way to try again.

   Knows how a `Problem` looks, in the page as in the dialog. Where a key is missing, the way on is a field for it; what
   is typed there goes to `api.js` and nowhere else. */

import { useKey } from "./api.js";
import { el, icon } from "./dom.js";

/** Draw a problem; `retry` is called when the visitor wants to try again. */
export function drawProblem(problem, retry) {
  return [
    el("p", { class: "problemTitle" }, icon("ERROR"), problem.title),
    el("p", {}, problem.advice),
    problem.detail && el("p", { class: "quiet" }, "The server said: ", el("bdi", {}, problem.detail)),
    retry && (problem.kind === "key" ? keyForm(retry) : el("button", { type: "button", onclick: retry }, "Try again")),
  ].filter(Boolean);
}

function keyForm(retry) {
  const field = el("input", { type: "password", autocomplete: "off", spellcheck: "false", required: true });
  return el(
    "form",
    {
      class: "keyForm",
      onsubmit: (event) => {
        event.preventDefault();
        useKey(field.value);
        retry();
      },
    },
    el("label", {}, "API key ", field),
    el("button", { type: "submit" }, "Use key"),
  );
}
