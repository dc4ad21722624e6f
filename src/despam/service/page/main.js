/* Wires the page: what the visitor does -> what is asked -> what is shown.

   Holds the page's whole state, in memory: the request under way, what the model says of itself, the file's rows. One
   thing is under way at a time and the latest wins. Invariant: whatever fails, the visitor's text stays where it is,
   and what stands as the verdict belongs to the text last asked about, and says so beside another. */

import { classify, classifyMany, describeModel, HOST, Problem } from "./api.js";
import { runBatch } from "./batch.js";
import { openCard } from "./card.js";
import { hideTip } from "./clues.js";
import { byId, el } from "./dom.js";
import { ColumnProblem, FileProblem, readFile } from "./files.js";
import { drawProblem } from "./problem.js";
import { hideBatch, showBatch } from "./table.js";
import { without } from "./text.js";
import { hideVerdict, markBefore, showModel, showVerdict, showWhatIf, showZone, strongestClues } from "./verdict.js";
import { EXAMPLES } from "./words.js";

const CLUES_OUT = 5; // how many of the strongest clues to take out, one after the other
const LONG = 30000; // a longer text travels once more, not five times
const input = byId("userInput");
const button = byId("analyze");
const WAIT_MS = 250;
let waiting = 0;
let underWay = new AbortController();
let judged = ""; // the text that the verdict shown is about
let model = null; // what GET /model said last

/** Start something new; what was under way is given up. */
function begin() {
  underWay.abort();
  underWay = new AbortController();
  hideProblem();
  busy(false);
  return underWay.signal;
}

function busy(on) {
  button.classList.toggle("busy", on);
  byId("form").setAttribute("aria-busy", String(on));
  clearTimeout(waiting);
  // an answer that comes at once replaces the one before; one that does not must not let it pass for its own
  if (on) waiting = setTimeout(showWaiting, WAIT_MS);
  else stopWaiting();
}

function showWaiting() {
  byId("verdict").classList.add("waiting");
  byId("waiting").textContent = "Analyzing …";
}

function stopWaiting() {
  byId("verdict").classList.remove("waiting");
  byId("waiting").textContent = "";
}

async function analyze() {
  const text = input.value;
  const signal = begin();
  if (!text.trim()) {
    hideVerdict();
    showProblem(
      new Problem("empty", "There is no message yet.", "Type or paste one, choose a file, or try an example."),
    );
    input.focus();
    return;
  }
  busy(true);
  try {
    const answer = await classify(text, signal);
    if (signal.aborted) return;
    // offsets fit the text the server read; a lone surrogate comes back as U+FFFD, one for one
    showVerdict(answer, typeof answer.input_text === "string" ? answer.input_text : text);
    judged = text;
    markBefore(input.value !== judged);
    busy(false);
    // on a phone the nearest edge would show its first line alone; at once, for nobody to watch the page move
    if (matchMedia("(max-width: 34rem)").matches) byId("verdict").scrollIntoView({ block: "start" });
    else byId("announce").scrollIntoView({ block: "nearest" });
    await Promise.all([askWhatIf(answer, text, signal), drawZone(answer, signal)]);
  } catch (error) {
    if (signal.aborted) return;
    hideVerdict();
    showProblem(error, analyze);
  } finally {
    if (!signal.aborted) busy(false);
  }
}

/** Ask once what the verdict would be without its strongest clues; the page does without an answer. */
async function askWhatIf(answer, text, signal) {
  const clues = strongestClues(answer).slice(0, text.length > LONG ? 1 : CLUES_OUT);
  const texts = clues.map((_, index) =>
    without(
      text,
      clues.slice(0, index + 1).flatMap((clue) => clue.spans),
    ),
  );
  const left = texts.filter((rest) => rest.trim());
  if (!left.length) return;
  try {
    const others = await classifyMany(left, signal);
    if (others.every((other) => other.classification)) showWhatIf(answer, clues, others);
  } catch (error) {
    if (!(error instanceof Problem) && !signal.aborted) throw error;
  }
}

/** Draw in where the model is unsure, which the model itself tells. */
async function drawZone(answer, signal) {
  if (model?.model !== answer.model) await learnModel(signal);
  if (model?.model === answer.model && !signal.aborted) showZone(model.unsure_low, model.unsure_high);
}

async function learnModel(signal) {
  try {
    model = await describeModel(signal);
  } catch (error) {
    if (!(error instanceof Problem) && !signal?.aborted) throw error;
  }
}

async function openFile(file) {
  hideVerdict();
  hideBatch();
  await useFile(() => readFile(file), file.name);
}

/** Classify what reading a file gives: one message, or its rows. */
async function useFile(read, name) {
  const signal = begin();
  try {
    const found = await read();
    if (signal.aborted) return;
    if (found.rows) await classifyRows(found, name, signal);
    else {
      input.value = found.text;
      await analyze();
    }
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof ColumnProblem) askColumn(error, name);
    else if (!(error instanceof FileProblem)) showProblem(error);
    else showProblem(new Problem("file", "This file could not be used.", error.message));
  }
}

function askColumn({ message, names, use }, name) {
  const problem = new Problem("column", "Which column holds the messages?", message);
  showProblem(Object.assign(problem, { names }), (column) => useFile(() => use(column), name));
}

async function classifyRows({ rows, labelled }, name, signal) {
  const work = async (going) => {
    table.working(rows.filter((row) => row.answer).length);
    try {
      await runBatch(rows, going, (done) => table.working(done));
      table.finished(true);
      showModel(rows.find((row) => row.answer.model)?.answer.model);
    } catch (error) {
      table.finished(false);
      if (!going.aborted) showProblem(error, () => work(begin()));
    }
  };
  const table = showBatch({
    rows,
    name,
    labelled,
    openRow: (row) => {
      input.value = row.text;
      analyze();
      input.scrollIntoView();
    },
    stop: () => underWay.abort(),
    goOn: () => work(begin()),
  });
  await work(signal);
}

function showProblem(problem, retry) {
  if (!(problem instanceof Problem)) {
    showProblem(
      new Problem("page", "Something in this page went wrong.", "Reload it. Copy your text first: nothing is kept."),
    );
    throw problem;
  }
  byId("problem").hidden = false;
  byId("problem").replaceChildren(...drawProblem(problem, retry));
}

function hideProblem() {
  const place = byId("problem");
  if (place.contains(document.activeElement)) button.focus(); // what had the focus goes away
  place.hidden = true;
  place.replaceChildren();
}

function listen() {
  byId("form").addEventListener("submit", (event) => {
    event.preventDefault();
    analyze();
  });
  input.addEventListener("input", () => markBefore(input.value !== judged));
  input.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
      event.preventDefault();
      analyze();
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") hideTip();
  });
  byId("file").addEventListener("change", (event) => {
    const [file] = event.target.files;
    event.target.value = ""; // the same file may be chosen again
    if (file) openFile(file);
  });
  byId("modelLink").addEventListener("click", (event) => {
    event.preventDefault();
    openCard();
  });
  byId("cardClose").addEventListener("click", () => byId("card").close());
  listenForDrops();
  byId("examples").append(
    ...EXAMPLES.map(([name, text]) =>
      el(
        "button",
        {
          type: "button",
          onclick: () => {
            input.value = text;
            analyze();
          },
        },
        name,
      ),
    ),
  );
}

function listenForDrops() {
  const zoneOf = (on) => byId("drop").classList.toggle("over", on);
  // the whole page takes a file: dropped beside the field, a browser would open it and lose the text
  addEventListener("dragover", (event) => {
    if (!event.dataTransfer.types.includes("Files")) return;
    event.preventDefault();
    zoneOf(true);
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) zoneOf(false);
  });
  addEventListener("drop", (event) => {
    zoneOf(false);
    const [file] = event.dataTransfer.files;
    if (!file) return;
    event.preventDefault();
    openFile(file);
  });
}

byId("host").textContent = HOST;
listen();
learnModel();
