/* Shows what went wrong: a title, what to do, what the server said, and the way to try again.

   Knows how a `Problem` looks, in the page as in the dialog. Where a key is missing, the way on is a field for it; what
   is typed there goes to `api.js` and nowhere else. Where a column must be known, it is a choice among the file's. */

import { useKey } from "./api.js";
import { el, icon, shorten } from "./dom.js";

const NAMES = 200; // a line of text taken for a heading may have thousands

/** Draw a problem; `retry` is called when the visitor wants to try again. */
export function drawProblem(problem, retry) {
  return [
    el("p", { class: "problemTitle" }, icon("ERROR"), problem.title),
    el("p", {}, problem.advice),
    problem.detail && el("p", { class: "quiet" }, "The server said: ", el("bdi", {}, problem.detail)),
    retry && wayOn(problem, retry),
  ].filter(Boolean);
}

function wayOn(problem, retry) {
  if (problem.kind === "key") return keyForm(retry);
  if (problem.kind === "column") return columnForm(problem.names.slice(0, NAMES), retry);
  return el("button", { type: "button", onclick: retry }, "Try again");
}

function columnForm(names, retry) {
  const choice = el("select", {}, ...names.map((name) => el("option", { value: name }, shorten(name, 60))));
  return el(
    "form",
    {
      class: "keyForm",
      onsubmit: (event) => {
        event.preventDefault();
        retry(choice.value);
      },
    },
    el("label", {}, "Column ", choice),
    el("button", { type: "submit" }, "Use column"),
  );
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
