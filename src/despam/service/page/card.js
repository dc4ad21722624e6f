/* Shows the model card in a dialog: what the model is, what it was trained on, and its measured figures.

   Takes what GET /model says; any part of the card may be missing and is then left out, never guessed. */

import { describeModel, Problem } from "./api.js";
import { byId, capital, count, el, percent } from "./dom.js";
import { drawProblem } from "./problem.js";

const FIGURES = [
  ["accuracy", "Accuracy"],
  ["precision", "Precision"],
  ["recall", "Recall"],
  ["f1", "F1"],
  ["false_positive_rate", "Ham taken for spam"],
  ["auc", "AUC"],
  ["ece", "Calibration error"],
];
const KNOWN = new Set(FIGURES.map(([name]) => name));
const AT_ONE = "Caught at 1\u00a0% lost";
const PROTOCOLS = { out_of_fold: "Measured on messages held out while it learnt" };

const named = (protocol) => PROTOCOLS[protocol] ?? capital(protocol.replaceAll("_", " "));
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);

/** Open the dialog and fill it. */
export async function openCard() {
  const dialog = byId("card");
  const body = byId("cardBody");
  body.replaceChildren(el("p", { role: "status" }, "Loading …"));
  if (!dialog.open) dialog.showModal();
  try {
    body.replaceChildren(...draw(await describeModel()));
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    body.replaceChildren(el("div", { role: "alert" }, ...drawProblem(error, openCard)));
  }
}

function draw(model) {
  const card = model.card ?? {};
  return [
    facts(model, card),
    ...figures(card.figures ?? {}),
    ...sources(card),
    ...list("Limits", card.limits ?? []),
    ...list("Meant for", [card.intended_use ?? []].flat()),
    ...list("Not meant for", [card.unsuitable_use ?? []].flat()),
  ].filter(Boolean);
}

function facts(model, card) {
  const rows = [
    ["Version", el("code", {}, model.model)],
    ["Name", card.name],
    ["Made", card.created],
    ["Recipe", model.recipe],
    ["Size", model.size_bytes && `${count(Math.round(model.size_bytes / 1024))} KB`],
    ["Learnt from", card.messages && `${count(card.messages)} messages, ${count(card.spam)} of them spam`],
    ["Training took", cost(card.training)],
    ["Languages", languages(card.languages ?? []).join(", ")],
    ["Cutoff", percent(model.cutoff)],
    [
      "Unsure",
      model.unsure_high > model.unsure_low && `from ${percent(model.unsure_low)} to ${percent(model.unsure_high)}`,
    ],
  ].filter(([, value]) => value);
  return el("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

/** Time and energy of the training, and whether the energy was measured or estimated. */
function cost(training) {
  if (!isObject(training)) return "";
  const units = { seconds: "s", cpu_seconds: "s of CPU", watt_hours: "Wh" };
  const parts = Object.entries(units)
    .filter(([key]) => typeof training[key] === "number")
    .map(([key, unit]) => `${training[key]}\u00a0${unit}`);
  return parts.length && training.energy ? `${parts.join(", ")} (${training.energy})` : parts.join(", ");
}

const rate = (value) => (typeof value === "number" ? `${(value * 100).toFixed(2)}\u00a0%` : "");
// an empty corner is a cell, no heading: there is nothing to read out
const heading = (words) => (words ? el("th", { scope: "col" }, words) : el("td"));
const row = (name, ...values) =>
  el("tr", {}, el("th", { scope: "row" }, name), ...values.map((value) => el("td", { class: "number" }, value)));

/** Measured figures, protocol by protocol, the model's own first; one that holds several becomes one table. */
function figures(protocols) {
  const { out_of_fold: whole, by_source: parts, ...others } = protocols;
  return Object.entries({ out_of_fold: whole, by_source: parts, ...others })
    .filter(([, measured]) => isObject(measured))
    .flatMap(([protocol, measured]) => {
      const rows = metrics(measured);
      const parts = Object.entries(measured).filter(
        ([name, part]) => name !== "recall_at_fpr" && isObject(part) && metrics(part).length,
      );
      return [
        ...(rows.length
          ? [
              el("h3", {}, named(protocol)),
              el(
                "table",
                { class: "figures" },
                el("caption", { class: "sr" }, named(protocol)),
                el("tbody", {}, ...rows.map(([name, value]) => row(name, value))),
              ),
            ]
          : []),
        ...(parts.length ? [el("h3", {}, named(protocol)), partsTable(named(protocol), parts)] : []),
      ];
    });
}

function metrics(measured) {
  const values = Object.entries(measured);
  // shares of something else, named by what they are shares of
  if (values.length && values.every(([name, value]) => typeof value === "number" && !KNOWN.has(name)))
    return values.map(([name, value]) => [name, rate(value)]);
  const rows = FIGURES.filter(([name]) => typeof measured[name] === "number").map(([name, words]) => [
    words,
    rate(measured[name]),
  ]);
  for (const [at, recall] of Object.entries(measured.recall_at_fpr ?? {})) {
    if (typeof recall === "number")
      rows.push([`Spam caught when ${Number((at * 100).toFixed(2))}\u00a0% of ham is lost`, rate(recall)]);
  }
  return rows;
}

function partsTable(name, parts) {
  const columns = FIGURES.filter(([key]) => parts.some(([, part]) => typeof part[key] === "number"));
  const caught = ([, part]) => part.recall_at_fpr?.["0.01"];
  const more = parts.some((part) => typeof caught(part) === "number");
  return wide(
    name,
    [heading(""), ...columns.map(([, words]) => heading(words)), more && heading(AT_ONE)].filter(Boolean),
    parts.map(([part, measured]) =>
      row(part, ...columns.map(([key]) => rate(measured[key])), ...(more ? [rate(caught([part, measured]))] : [])),
    ),
  );
}

/** A table that scrolls sideways by itself, by keyboard too. */
function wide(name, head, rows) {
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": `Table: ${name}` },
    el("table", {}, el("thead", {}, el("tr", {}, ...head)), el("tbody", {}, ...rows)),
  );
}

function sources(card) {
  if (!card.sources?.length) return [];
  const licences = new Map((card.data ?? []).map((file) => [file.name, file.licence]));
  const rows = card.sources.map((source) =>
    row(
      source.name ?? "",
      count(source.messages ?? 0),
      count(source.spam ?? 0),
      source.licence ?? licences.get(source.name) ?? "",
    ),
  );
  return [
    el("h3", {}, "What it learnt from"),
    wide("sources", ["Source", "Messages", "Spam", "Licence"].map(heading), rows),
  ];
}

function languages(codes) {
  const names = new Intl.DisplayNames(["en"], { type: "language" });
  return codes.map((code) => (/^[a-z]{2,3}$/.test(code) ? names.of(code) : String(code)));
}

function list(title, entries) {
  return entries.length
    ? [el("h3", {}, title), el("ul", {}, ...entries.map((entry) => el("li", {}, String(entry))))]
    : [];
}
