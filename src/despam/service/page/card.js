/* Shows the model card in a dialog: what the model is, what it was trained on, and its measured figures.

   Takes what GET /model says; any part of the card may be missing and is then left out, never guessed. */

import { describeModel, Problem } from "./api.js";
import { byId, count, el, percent } from "./dom.js";

const FIGURES = [
  ["accuracy", "Accuracy"], ["precision", "Precision"], ["recall", "Recall"], ["f1", "F1"],
  ["false_positive_rate", "Ham taken for spam"], ["auc", "AUC"], ["ece", "Calibration error"],
];
const PROTOCOLS = { out_of_fold: "Measured on messages held out while it learnt" };

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
    body.replaceChildren(el("div", { role: "alert" }, el("p", {}, el("strong", {}, error.title)), el("p", {}, error.advice)));
  }
}

function draw(model) {
  const card = model.card ?? {};
  return [
    facts(model, card),
    ...figures(card.figures ?? {}),
    ...sources(card.sources ?? []),
    ...list("Languages it was measured on", (card.languages ?? []).map(String)),
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
    ["Cutoff", percent(model.cutoff)],
    ["Unsure", model.unsure_high > model.unsure_low && `from ${percent(model.unsure_low)} to ${percent(model.unsure_high)}`],
  ].filter(([, value]) => value);
  return el("dl", { class: "facts" }, ...rows.flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]));
}

const rate = (value) => (typeof value === "number" ? `${(value * 100).toFixed(2)} %` : "");

function figures(protocols) {
  return Object.entries(protocols).flatMap(([protocol, measured]) => {
    if (!measured || typeof measured !== "object") return [];
    const rows = FIGURES.filter(([name]) => typeof measured[name] === "number").map(([name, words]) => [words, rate(measured[name])]);
    for (const [at, recall] of Object.entries(measured.recall_at_fpr ?? {})) {
      if (typeof recall === "number") rows.push([`Spam caught when ${Number((at * 100).toFixed(2))} % of ham is lost`, rate(recall)]);
    }
    if (!rows.length) return [];
    return [el("h3", {}, PROTOCOLS[protocol] ?? protocol.replaceAll("_", " ")), el("table", { class: "figures" },
      el("caption", { class: "sr" }, protocol.replaceAll("_", " ")),
      el("tbody", {}, ...rows.map(([name, value]) => el("tr", {}, el("th", { scope: "row" }, name), el("td", {}, value)))))];
  });
}

function sources(all) {
  if (!all.length) return [];
  const heading = (words) => el("th", { scope: "col" }, words);
  return [el("h3", {}, "Sources"), el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of sources" },
    el("table", {}, el("thead", {}, el("tr", {}, ...["Name", "Messages", "Spam", "Licence"].map(heading))),
      el("tbody", {}, ...all.map((source) => el("tr", {}, el("th", { scope: "row" }, source.name ?? ""),
        el("td", { class: "number" }, count(source.messages ?? 0)), el("td", { class: "number" }, count(source.spam ?? 0)),
        el("td", {}, source.licence ?? ""))))))];
}

function list(title, entries) {
  return entries.length ? [el("h3", {}, title), el("ul", {}, ...entries.map((entry) => el("li", {}, entry)))] : [];
}
