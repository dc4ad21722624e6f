/* Shows one answer: the verdict in a word, an icon and a colour; how sure it is; what was repaired; what decided.

   Knows an answer's fields and nothing of how it was asked for. What only a second question can tell (would it have
   passed without its strongest clue?) comes in through `whatIf`, and the page does without it when that fails. */

import { byId, capital, el, icon, many, percent, shorten, signed } from "./dom.js";
import { cluesList, markedText } from "./clues.js";
import { merge } from "./text.js";
import { reasonInWords, repairInWords } from "./words.js";

/** Show the answer on a text. */
export function showVerdict(answer, text) {
  const spam = answer.classification === "SPAM";
  const verdict = byId("verdict");
  verdict.className = spam ? "spam" : "ham";
  byId("before").textContent = "";
  byId("result").replaceChildren(icon(answer.classification), `Prediction: ${answer.classification}`);
  byId("summary").replaceChildren(...summary(answer));
  byId("details").replaceChildren(
    ...[
      probabilityBar(answer),
      el("p", { id: "whatIf", role: "status" }),
      repairs(answer.repaired),
      leftOut(answer.unread),
      ...explanation(answer, text),
    ].filter(Boolean),
  );
  showModel(answer.model);
}

/** Say which model answered. */
export function showModel(version) {
  if (version) byId("answeredBy").replaceChildren("Answered by model ", el("code", {}, version));
}

/** Say whether the verdict that is shown belongs to another text than the one that stands in the field now. */
export function markBefore(on) {
  const { classList } = byId("verdict");
  const before = on && !classList.contains("none");
  if (classList.toggle("before", before) === Boolean(byId("before").textContent)) return; // said already
  byId("before").textContent = before ? "This verdict is for the message before your changes." : "";
}

/** Take the verdict away: what stands in the page must belong to the message last asked about. */
export function hideVerdict() {
  byId("verdict").className = "none";
  byId("before").textContent = "";
  byId("result").replaceChildren();
  byId("summary").replaceChildren();
  byId("details").replaceChildren();
}

// with so little the probability is a place inside the unsure band, not a measurement
const tooLittle = (answer) => answer.unsure && String(answer.unsure_reason).startsWith("too little evidence");

function summary(answer) {
  if (tooLittle(answer)) {
    return [
      el("strong", { class: "badge" }, "unsure"),
      ` Too little is known of this message to say how likely it is spam. ${sentence(answer.unsure_reason.replace(/^[^:]*: */, ""))}`,
    ];
  }
  const sure = `${capital(percent(answer.spam_probability))} likely to be spam.`;
  if (!answer.unsure) return [sure];
  return [el("strong", { class: "badge" }, "unsure"), ` ${sure} ${sentence(reasonInWords(answer.unsure_reason))}`];
}

const sentence = (words) => capital(words).replace(/\.?$/, ".");

function probabilityBar(answer) {
  const known = tooLittle(answer) ? "unknown" : percent(answer.spam_probability);
  const label = `Probability of spam ${known}, cutoff ${percent(answer.cutoff)}`;
  const bar = el(
    "div",
    { id: "bar", class: "bar", role: "img", "aria-label": label },
    !tooLittle(answer) && el("span", { class: "fill" }),
    el("span", { class: "cutoff" }),
  );
  const legend = el(
    "p",
    { class: "legend", "aria-hidden": "true" },
    el("span", {}, "0 %"),
    el("span", { class: "cutoffName" }, `cutoff ${percent(answer.cutoff)}`),
    el("span", {}, "100 %"),
  );
  const figure = el("div", { id: "probability" }, bar, legend);
  place(figure, "--p", answer.spam_probability);
  place(figure, "--cutoff", answer.cutoff);
  return figure;
}

// through the style object: the policy forbids style attributes in markup
const place = (element, name, share) => element.style.setProperty(name, `${Math.min(1, Math.max(0, share)) * 100}%`);

/** Draw into the bar where the model is unsure. */
export function showZone(low, high) {
  const figure = byId("probability");
  if (!figure || !(high > low) || figure.querySelector(".zone")) return;
  place(figure, "--low", low);
  place(figure, "--width", high - low);
  byId("bar").append(el("span", { class: "zone" }));
  figure.append(
    el(
      "p",
      { class: "quiet zoneName" },
      el("span", { class: "swatch", "aria-hidden": "true" }),
      `unsure between ${percent(low)} and ${percent(high)}`,
    ),
  );
}

function repairs(kinds) {
  if (!kinds?.length) return null;
  return el(
    "div",
    { id: "repaired" },
    el("h2", {}, "Repaired before reading"),
    el("ul", {}, ...kinds.map((kind) => el("li", {}, `The message ${repairInWords(kind)}.`))),
  );
}

function leftOut(unread) {
  const length = (unread ?? []).reduce((sum, [start, end]) => sum + end - start, 0);
  if (!length) return null;
  const words = `Of a text this long only the two ends are read: ${many(length, "character")} between them did not count.`;
  return el("p", { id: "unread" }, words);
}

function explanation(answer, text) {
  const clues = answer.clues ?? [];
  if (!clues.length) return [el("p", { class: "quiet" }, "Nothing in this message is known to the model.")];
  return [
    el("h2", { id: "textTitle" }, "In your text"),
    markedText(text, clues, answer.unread),
    el("h2", {}, "What decided"),
    cluesList(clues),
    el("p", { class: "quiet sum" }, exactSum(answer, clues)),
  ];
}

/** Say how the score comes about: it is an exact sum, and a reader may check it. */
function exactSum(answer, clues) {
  const sum = clues.reduce((total, clue) => total + clue.contribution, 0);
  const bias = answer.bias ?? answer.score - sum;
  return `${many(clues.length, "clue")} ${signed(sum)}, starting point ${signed(bias)}: score ${signed(answer.score)}.`;
}

/** Find the clues that speak most for the verdict and are parts of the text, heaviest first. */
export function strongestClues(answer) {
  const side = answer.classification === "SPAM" ? 1 : -1;
  return merge(answer.clues ?? []).filter((clue) => !clue.whole && clue.contribution * side > 0 && clue.text.trim());
}

/** Say what the verdict would be without the strongest clues: `others[i]` is the answer without the first i + 1. */
export function showWhatIf(answer, clues, others) {
  const spam = answer.classification === "SPAM";
  const turned = others.findIndex((other) => other.classification && other.classification !== answer.classification);
  const last = turned < 0 ? others.length - 1 : turned;
  const now = `(${percent(others[last].spam_probability)})`;
  const named = quoted(clues.slice(0, last + 1));
  byId("whatIf")?.replaceChildren(
    ...(turned >= 0
      ? ["Without ", ...named, ` it would have ${spam ? "passed" : "been taken for spam"}${others[last].unsure ? ", unsure" : ""} ${now}.`]
      : [
          `Even without its ${last ? `${last + 1} strongest clues` : "strongest clue"}, `,
          ...named,
          `, it would ${spam ? "be spam" : "pass"} ${now}.`,
        ]),
  );
}

function quoted(clues) {
  return clues.flatMap((clue, index) => [
    index === 0 ? "" : index === clues.length - 1 ? " and " : ", ",
    el("bdi", {}, `“${shorten(clue.text, 30)}”`),
  ]);
}
