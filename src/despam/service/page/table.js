/* Shows the messages of a file with their verdicts: progress, a table to sort and filter, and downloads.

   Draws one page of rows at a time, so 100,000 rows cost as much as 25. Knows rows and answers, asks nobody: it calls
   back when a row is opened, and when work is stopped or gone on with. */

import { tally, toCsv, toJsonLines } from "./batch.js";
import { byId, count, el, icon, many, percent, shorten } from "./dom.js";

const PAGE = 25;
const SORTS = {
  row: (row) => row.row,
  verdict: (row) => (row.answer?.error ? 2 : row.answer?.classification === "SPAM" ? 0 : 1),
  probability: (row) => row.answer?.spam_probability ?? -1,
  message: (row) => row.text,
};
const FILTERS = {
  all: ["All", () => true],
  spam: ["Spam", (row) => row.answer?.classification === "SPAM"],
  ham: ["Ham", (row) => row.answer?.classification === "HAM"],
  unsure: ["Unsure", (row) => row.answer?.unsure],
  differ: [
    "Other than the file’s label",
    (row) => row.label && row.answer?.classification && row.label !== row.answer.classification,
  ],
};

/** Set up the table for a file's rows; returns what the caller moves it with. */
export function showBatch({ rows, name, labelled, openRow, stop, goOn }) {
  const view = { sort: "row", down: false, filter: "all", page: 0 };
  const section = byId("batch");
  const progress = el("progress", { max: rows.length, value: 0, "aria-label": "Messages classified" });
  const said = el("p", { id: "batchStatus", role: "status" });
  const control = el("button", { type: "button" });
  const below = el("div", {});
  section.hidden = false;
  section.replaceChildren(
    el("h2", { tabindex: "-1" }, el("bdi", {}, name)),
    el("div", { class: "progress" }, progress, control),
    said,
    below,
  );

  const draw = () => drawBelow(below, rows, view, labelled, openRow, draw, name);
  const setControl = (words, action) => {
    control.hidden = !words;
    control.textContent = words ?? "";
    control.onclick = action ?? null;
  };
  return {
    working(done) {
      progress.hidden = false;
      progress.value = done;
      // a screen reader hears tenths, not every portion
      const tenth = Math.floor((done / rows.length) * 10) * 10;
      if (said.dataset.tenth !== String(tenth))
        said.textContent = `${count(done)} of ${many(rows.length, "message")} …`;
      said.dataset.tenth = tenth;
      setControl("Stop", stop);
    },
    finished(whole) {
      progress.hidden = whole;
      said.textContent = summary(rows);
      setControl(whole ? null : "Go on", goOn);
      draw();
    },
  };
}

/** Put the table away. */
export function hideBatch() {
  byId("batch").hidden = true;
  byId("batch").replaceChildren();
}

function summary(rows) {
  const { SPAM, HAM, unsure, errors, labelled, agree } = tally(rows);
  const parts = [
    `${many(SPAM + HAM, "message")}: ${count(SPAM)} spam, ${count(HAM)} ham, ${count(unsure)} of them unsure.`,
  ];
  if (SPAM + HAM + errors < rows.length) parts.push(`${count(rows.length - SPAM - HAM - errors)} not asked yet.`);
  if (errors) parts.push(`${many(errors, "message")} could not be classified.`);
  if (labelled) {
    const share = percent(agree / labelled);
    parts.push(`The file’s own labels agree on ${count(agree)} of ${count(labelled)} (${share}).`);
  }
  return parts.join(" ");
}

function drawBelow(below, rows, view, labelled, openRow, redraw, name) {
  const shown = rows.filter(FILTERS[view.filter][1]);
  const value = SORTS[view.sort];
  shown.sort((a, b) => (value(a) < value(b) ? -1 : value(a) > value(b) ? 1 : a.row - b.row));
  if (view.down) shown.reverse();
  const pages = Math.max(1, Math.ceil(shown.length / PAGE));
  view.page = Math.min(view.page, pages - 1);
  const again = (focus, change) => {
    change();
    redraw();
    below.querySelector(`[data-focus="${focus}"]`)?.focus();
  };

  const filters = Object.entries(FILTERS)
    .filter(([key]) => key !== "differ" || labelled)
    .map(([key, [words]]) =>
      el(
        "button",
        {
          type: "button",
          "data-focus": key,
          "aria-pressed": String(view.filter === key),
          onclick: () => again(key, () => Object.assign(view, { filter: key, page: 0 })),
        },
        words,
      ),
    );
  below.replaceChildren(
    el("div", { class: "filters", role: "group", "aria-label": "Show" }, ...filters),
    tableOf(shown.slice(view.page * PAGE, (view.page + 1) * PAGE), view, again, openRow),
    pager(view, pages, shown.length, again),
    downloads(rows, name),
  );
}

function tableOf(rows, view, again, openRow) {
  const heading = (key, words) =>
    el(
      "th",
      { scope: "col", "aria-sort": view.sort === key ? (view.down ? "descending" : "ascending") : "none" },
      el(
        "button",
        {
          type: "button",
          "data-focus": `by-${key}`,
          onclick: () =>
            again(`by-${key}`, () => {
              Object.assign(view, { down: view.sort === key ? !view.down : key === "probability", sort: key, page: 0 });
            }),
        },
        words,
      ),
    );
  const body = rows.map((row) =>
    el(
      "tr",
      {},
      el("td", { class: "number" }, count(row.row)),
      verdictCell(row),
      el("td", { class: "number" }, row.answer?.error || !row.answer ? "" : percent(row.answer.spam_probability)),
      el(
        "td",
        {},
        el(
          "button",
          { type: "button", class: "plain", dir: "auto", onclick: () => openRow(row) },
          shorten(row.text, 160) || "(empty)",
        ),
      ),
    ),
  );
  return el(
    "div",
    { class: "scroll", tabindex: "0", role: "region", "aria-label": "Table of messages" },
    el(
      "table",
      {},
      el("caption", { class: "sr" }, "Messages; choose one to see its clues"),
      el(
        "thead",
        {},
        el(
          "tr",
          {},
          heading("row", "No."),
          heading("verdict", "Verdict"),
          heading("probability", "Spam"),
          heading("message", "Message"),
        ),
      ),
      el("tbody", {}, ...body),
    ),
  );
}

function verdictCell({ answer }) {
  if (!answer) return el("td", { class: "quiet" }, "not asked");
  if (answer.error) return el("td", { class: "unsure" }, answer.error);
  return el(
    "td",
    { class: answer.classification.toLowerCase() },
    icon(answer.classification),
    answer.classification.toLowerCase(),
    answer.unsure && el("span", { class: "unsure" }, " unsure"),
  );
}

function pager(view, pages, shown, again) {
  const turn = (by, words) =>
    el(
      "button",
      {
        type: "button",
        "data-focus": words,
        disabled: view.page + by < 0 || view.page + by >= pages,
        onclick: () =>
          again(words, () => {
            view.page += by;
          }),
      },
      words,
    );
  const from = shown ? view.page * PAGE + 1 : 0;
  return el(
    "div",
    { class: "pager" },
    turn(-1, "Previous"),
    el("span", {}, `${count(from)} to ${count(Math.min(shown, (view.page + 1) * PAGE))} of ${count(shown)}`),
    turn(1, "Next"),
  );
}

function downloads(rows, name) {
  const stem = name.replace(/(\.[a-z]+)?(\.gz)?$/i, "");
  const link = (words, ending, type, write) =>
    el("button", { type: "button", onclick: () => save(`${stem}.verdicts.${ending}`, type, write(rows)) }, words);
  return el(
    "div",
    { class: "downloads", role: "group", "aria-label": "Download the results" },
    link("Download CSV", "csv", "text/csv", toCsv),
    link("Download JSON Lines", "jsonl", "application/jsonl", toJsonLines),
  );
}

function save(name, type, text) {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const link = el("a", { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 10000);
}
