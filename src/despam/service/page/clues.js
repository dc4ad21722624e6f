/* Draws the clues: marked in the text, and as two lists.

   A mark shows its side twice (colour, and a line that is straight for spam and dotted for ham) and its strength by
   how deep the colour is; the weakest are left plain, the lists have them. One tooltip serves all marks, on hover,
   focus and tap; Tab enters the text once, arrow keys go from mark to mark. A long stretch without a strong clue is
   folded, so 100,000 characters cost a few nodes; so is what the model did not read, which says so. */

import { byId, count, el, shorten, signed } from "./dom.js";
import { cut, merge, strength } from "./text.js";

const FOLD = 1500; // characters without a strong clue before they fold
const LISTED = 8;

/** Show the text with its clues marked. */
export function markedText(text, clues, unread = []) {
  const leftOut = unread.map(([start, end]) => ({ text: "", start, end, contribution: 0, unread: true }));
  const pieces = cut(text, [...clues, ...leftOut]);
  const heaviest = pieces.reduce((most, piece) => Math.max(most, Math.abs(piece.weight)), 0);
  const tip = el("span", { id: "tip", role: "tooltip", hidden: true });
  const body = el("div", {
    id: "marked",
    class: "marked",
    dir: "auto",
    role: "group",
    "aria-label": "Your text; arrow keys go from clue to clue",
  });
  let plain = "";
  const flush = () => {
    if (plain) body.append(plain.length > FOLD ? folded(plain, "characters without a strong clue") : plain);
    plain = "";
  };
  for (const piece of pieces) {
    const level = strength(piece.weight, heaviest);
    if (piece.clues.some((clue) => clue.unread)) {
      flush();
      body.append(folded(piece.text, "characters not read"));
    } else if (level && piece.text.trim()) {
      flush();
      body.append(mark(piece, level));
    } else plain += piece.text;
  }
  flush();
  const first = body.querySelector("mark");
  if (first) first.tabIndex = 0;
  const box = el("div", { class: "markedBox" }, body, tip);
  listen(box, body, tip);
  return box;
}

const facts = new WeakMap(); // mark -> the clues that cover it

function mark(piece, level) {
  const side = piece.weight > 0 ? "toSpam" : "toHam";
  const element = el("mark", { class: `${side} level${level}`, tabindex: "-1", "aria-describedby": "tip" }, piece.text);
  facts.set(element, piece);
  return element;
}

function folded(plain, what) {
  return el(
    "details",
    { class: "folded" },
    el("summary", {}, `${count(plain.length)} ${what}`),
    el("span", {}, plain),
  );
}

function listen(box, body, tip) {
  const over = (event) => event.target.closest?.("mark");
  box.addEventListener("pointerover", (event) => over(event) && showTip(box, tip, over(event)));
  body.addEventListener("scroll", () => {
    tip.hidden = true;
  });
  // the tip may be hovered itself, to be read at leisure; it goes when the pointer leaves text and tip
  box.addEventListener("pointerout", (event) => {
    const next = event.relatedTarget;
    if (!tip.contains(next) && !next?.closest?.("mark")) restoreTip(box, body, tip);
  });
  box.addEventListener("focusin", (event) => over(event) && showTip(box, tip, over(event)));
  box.addEventListener("focusout", () => {
    tip.hidden = true;
  });
  box.addEventListener("keydown", (event) => {
    if (event.key === "Escape") tip.hidden = true;
    const from = over(event);
    if (from) move(body, from, event);
  });
}

function restoreTip(box, body, tip) {
  const focused = document.activeElement;
  if (body.contains(focused) && focused.matches("mark")) showTip(box, tip, focused);
  else tip.hidden = true;
}

function move(body, from, event) {
  const marks = [...body.querySelectorAll("mark")];
  const at = marks.indexOf(from);
  const to = {
    ArrowRight: at + 1,
    ArrowDown: at + 1,
    ArrowLeft: at - 1,
    ArrowUp: at - 1,
    Home: 0,
    End: marks.length - 1,
  }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  const next = marks[Math.min(marks.length - 1, Math.max(0, to))];
  from.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function showTip(box, tip, target) {
  const lines = merge(facts.get(target).clues).slice(0, 4);
  tip.replaceChildren(
    ...lines.map((clue) =>
      el(
        "span",
        { class: "tipLine" },
        el("b", {}, signed(clue.contribution)),
        ` ${clue.contribution > 0 ? "spam" : "ham"} `,
        el("bdi", {}, shorten(clue.text, 40)),
      ),
    ),
  );
  tip.hidden = false;
  placeTip(box, tip, target);
}

function placeTip(box, tip, target) {
  const around = box.getBoundingClientRect();
  const place = target.getClientRects()[0];
  const left = Math.min(Math.max(0, place.left - around.left), Math.max(0, around.width - tip.offsetWidth));
  const above = place.top - around.top - tip.offsetHeight - 4;
  tip.style.left = `${left}px`;
  tip.style.top = `${place.top - tip.offsetHeight > 8 ? above : place.bottom - around.top + 4}px`;
}

/** List the clues of each side, heaviest first, those about the whole message among them. */
export function cluesList(clues) {
  const merged = merge(clues).filter((clue) => Math.abs(clue.contribution) >= 0.005);
  const heaviest = merged.length ? Math.abs(merged[0].contribution) : 1;
  return el(
    "div",
    { class: "sides" },
    side(
      "Toward spam",
      "toSpam",
      merged.filter((clue) => clue.contribution > 0),
      heaviest,
    ),
    side(
      "Toward ham",
      "toHam",
      merged.filter((clue) => clue.contribution < 0),
      heaviest,
    ),
    merged.some((clue) => clue.whole) &&
      el(
        "p",
        { class: "quiet across", "aria-hidden": "true" },
        el("i", {}, "In italics"),
        ": about the whole message.",
      ),
  );
}

function side(title, name, clues, heaviest) {
  const list = el("ul", { class: name });
  const show = (some) => list.append(...some.map((clue) => item(clue, heaviest)));
  show(clues.slice(0, LISTED));
  if (!clues.length) list.append(el("li", { class: "quiet" }, "nothing"));
  const rest = clues.slice(LISTED, 300);
  const more =
    rest.length > 0 &&
    el(
      "button",
      {
        type: "button",
        class: "plain",
        onclick: () => {
          const from = list.children.length;
          show(rest);
          more.remove();
          list.children[from].tabIndex = -1;
          list.children[from].focus();
        },
      },
      `Show ${count(rest.length)} more`,
    );
  return el("div", {}, el("h3", {}, title), list, more);
}

function item(clue, heaviest) {
  const name = el("bdi", { class: clue.whole ? "whole" : "quoted" }, shorten(clue.text, 60));
  const times = clue.times > 1 && el("span", { class: "quiet" }, ` ×${clue.times}`);
  const where = clue.whole && el("span", { class: "sr" }, " (whole message)");
  const row = el(
    "li",
    {},
    el("span", { class: "clueName" }, name, times, where),
    el("b", {}, signed(clue.contribution)),
  );
  row.style.setProperty("--share", `${(Math.abs(clue.contribution) / heaviest) * 100}%`);
  return row;
}

/** Close the tooltip, as Escape does wherever the focus is. */
export function hideTip() {
  const tip = byId("tip");
  if (tip) tip.hidden = true;
}
