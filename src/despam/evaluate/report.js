// Draws the pictures of the report and moves the cutoff. Reads one JSON block, asks nobody else anything.
"use strict";
const data = JSON.parse(document.getElementById("data").textContent);
const byId = (id) => document.getElementById(id);
const SVG = "http://www.w3.org/2000/svg";

function draw(name, attributes = {}, ...children) {
  const node = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}
const write = (x, y, text, anchor = "middle", more = {}) => draw("text", { x, y, "text-anchor": anchor, ...more }, text);
const line = (x1, y1, x2, y2, kind) => draw("line", { x1, y1, x2, y2, class: kind });
const canvas = (id, width, height) => {
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, "aria-hidden": "true" });
  byId(id).replaceChildren(svg);
  return svg;
};

// ---- words for numbers
const whole = new Intl.NumberFormat("en");
const percent = (share) => {
  const value = share * 100;
  const digits = value > 0 && value < 1 ? 2 : value > 99 && value < 100 ? 2 : 1;
  return `${value.toFixed(digits)}\u00a0%`;
};
const probability = (p) => (p > 0.9995 || p < 0.0005 ? p.toFixed(5) : p.toFixed(3));
const sigmoid = (x) => 1 / (1 + Math.exp(-x));
function wilson(hits, total) {
  const z = 1.96, share = hits / total, spread = (z * z) / total, centre = (share + spread / 2) / (1 + spread);
  const half = (z / (1 + spread)) * Math.sqrt((share * (1 - share)) / total + spread / (4 * total));
  return [Math.max(0, hits ? centre - half : 0), Math.min(1, hits < total ? centre + half : 1)];
}
const perDay = (count, what) => {
  if (count >= 9.5) return `${whole.format(Math.round(count))} ${what} a day`;
  if (count >= 0.95) return `${count.toFixed(1)} ${what} a day`;
  if (count * 7 >= 0.95) return `${(count * 7).toFixed(1)} ${what} a week`;
  if (count * 365 >= 0.95) return `${(count * 365).toFixed(1)} ${what} a year`;
  return count > 0 ? `fewer than one ${what} a year` : `no ${what}`;
};

// ---- scores of ham and spam, with the cutoff as a line that moves
const WIDTH = 800, HALF = 8, x0 = 8, x1 = WIDTH - 8; // HALF: the half thumb of the slider, so that line and thumb agree
const logits = data.curve.logit, last = logits.length - 1;
const place = (index) => x0 + ((x1 - x0) * index) / last;
const placeOf = (logit) => place(((Math.min(Math.max(logit, logits[0]), logits[last]) - logits[0]) / (logits[last] - logits[0])) * last);
let line1;

function drawScores() {
  const top = 22, middle = 132, bottom = 242, svg = canvas("scores", WIDTH, 274);
  const { spam, ham } = data.histogram, width = (x1 - x0) / spam.length;
  const most = Math.sqrt(Math.max(1, ...spam, ...ham)), height = (count) => (Math.sqrt(count) / most) * (middle - top);
  if (data.unsure) {
    const low = placeOf(data.unsure[0]), high = placeOf(data.unsure[1]);
    svg.append(draw("rect", { x: low, y: top - 6, width: Math.max(0, high - low), height: bottom - top + 6, class: "zone" }));
    svg.append(write((low + high) / 2, top - 10, high - low > 60 ? "unsure" : ""));
  }
  spam.forEach((count, i) => svg.append(draw("rect", { x: x0 + i * width, y: middle - height(count), width: width - 1, height: height(count), class: "spam" })));
  ham.forEach((count, i) => svg.append(draw("rect", { x: x0 + i * width, y: middle, width: width - 1, height: height(count), class: "ham" })));
  svg.append(line(x0, middle, x1, middle, "axis"));
  for (const p of [0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999]) {
    const x = placeOf(Math.log(p / (1 - p)));
    svg.append(line(x, bottom, x, bottom + 5, "axis"), write(x, bottom + 19, String(p)));
  }
  svg.append(write(x0, bottom + 32, "surely ham", "start"), write(x1, bottom + 32, "surely spam", "end"));
  line1 = line(0, top - 6, 0, bottom, "here");
  svg.append(line1);
}

// ---- ROC on a logarithmic axis
let dot, dotLabel, rocX, rocY;
function drawRoc() {
  const left = 46, right = 790, top = 14, bottom = 300, svg = canvas("roc", 800, 340);
  const least = Math.min(0.01, 0.5 / Math.max(1, data.ham)), decades = -Math.log10(least);
  rocX = (rate) => left + (right - left) * (1 + Math.log10(Math.max(rate, least)) / decades);
  rocY = (recall) => bottom - (bottom - top) * recall;
  for (let recall = 0; recall <= 1.001; recall += 0.2) {
    svg.append(line(left, rocY(recall), right, rocY(recall), "grid"), write(left - 8, rocY(recall) + 4, `${Math.round(recall * 100)} %`, "end"));
  }
  for (const rate of [0.0001, 0.001, 0.005, 0.01, 0.1, 1]) {
    if (rate < least) continue;
    svg.append(line(rocX(rate), top, rocX(rate), bottom, "grid"), write(rocX(rate), bottom + 18, `${rate * 100} %`));
  }
  svg.append(write(left, bottom + 36, "real messages lost", "start"));
  let path = "";
  data.roc.forEach(([rate, recall], i) => {
    path += i ? `H${rocX(rate).toFixed(1)}V${rocY(recall).toFixed(1)}` : `M${rocX(rate).toFixed(1)} ${rocY(recall).toFixed(1)}`;
  });
  svg.append(draw("path", { d: path, class: "curve" }));
  dot = draw("circle", { r: 6, class: "dot" });
  dotLabel = write(0, 0, "", "start", { class: "label" });
  svg.append(dot, dotLabel);
}

// ---- reliability
function drawReliability() {
  const left = 46, right = 390, top = 12, bottom = 320, svg = canvas("reliability", 400, 366);
  const x = (p) => left + (right - left) * p, y = (p) => bottom - (bottom - top) * p;
  for (let p = 0; p <= 1.001; p += 0.25) {
    svg.append(line(left, y(p), right, y(p), "grid"), write(left - 8, y(p) + 4, `${Math.round(p * 100)} %`, "end"));
    svg.append(write(x(p), bottom + 18, `${Math.round(p * 100)} %`));
  }
  svg.append(write(left, bottom + 36, "probability said", "start"), write(left + 6, top + 4, "spam in truth", "start"));
  svg.append(line(x(0), y(0), x(1), y(1), "even"));
  const points = data.calibration.map((bin) => `${x(bin.said).toFixed(1)},${y(bin.true).toFixed(1)}`);
  svg.append(draw("polyline", { points: points.join(" "), class: "curve" }));
  for (const bin of data.calibration) {
    const [low, high] = wilson(bin.spam, bin.messages);
    svg.append(line(x(bin.said), y(low), x(bin.said), y(high), "axis"), draw("circle", { cx: x(bin.said), cy: y(bin.true), r: 4, class: "dot" }));
  }
}

// ---- the slider
const slider = byId("cutoff");
slider.max = String(last);
// models trained anew have each a cutoff of its own: the slider starts in the middle, with its own counts
const nearest = (logit) => Math.round(((logit - logits[0]) / (logits[last] - logits[0])) * last);
const start = data.cutoff_logit === null ? nearest(0) : nearest(data.cutoff_logit);
const atStart = () => data.cutoff_logit === null
  ? { logit: logits[start], spam: data.curve.spam[start], ham: data.curve.ham[start] }
  : { logit: data.cutoff_logit, spam: data.at_cutoff.spam, ham: data.at_cutoff.ham };
let stop = atStart();

function show() {
  const { logit, spam, ham } = stop, lost = ham / data.ham, caught = spam / data.spam, p = sigmoid(logit);
  byId("at").textContent = probability(p);
  slider.setAttribute("aria-valuetext", `${probability(p)}: ${percent(lost)} of real messages lost, ${percent(caught)} of spam caught`);
  byId("lost").textContent = percent(lost);
  byId("lostRange").textContent = `${whole.format(ham)} of ${whole.format(data.ham)} here; the truth may be ${wilson(ham, data.ham).map(percent).join(" to ")}`;
  byId("caught").textContent = percent(caught);
  byId("caughtRange").textContent = `${whole.format(spam)} of ${whole.format(data.spam)} here; the truth may be ${wilson(spam, data.spam).map(percent).join(" to ")}`;
  const x = placeOf(logit).toFixed(1);
  line1.setAttribute("x1", x);
  line1.setAttribute("x2", x);
  const cx = rocX(lost), cy = rocY(caught), toLeft = cx > 560;
  dot.setAttribute("cx", cx);
  dot.setAttribute("cy", cy);
  dotLabel.setAttribute("x", cx + (toLeft ? -12 : 12));
  dotLabel.setAttribute("y", Math.min(cy + 20, 292));
  dotLabel.setAttribute("text-anchor", toLeft ? "end" : "start");
  dotLabel.textContent = `${percent(caught)} caught, ${percent(lost)} lost`;
  showDaily(lost, caught);
}

function showDaily(lost, caught) {
  const volume = Number(byId("volume").value), share = Number(byId("share").value) / 100;
  if (!(volume > 0) || !(share >= 0 && share <= 1)) {
    byId("daily").textContent = "type a number of messages above 0 and a share from 0 to 100.";
    return;
  }
  const most = wilson(stop.ham, data.ham)[1], ham = volume * (1 - share), spam = volume * share;
  const told = stop.ham ? perDay(ham * lost, "real messages lost") : `no real message lost here, but ${perDay(ham * most, "lost")} cannot be ruled out`;
  byId("daily").textContent = `${told}; ${perDay(spam * caught, "spam caught")}, ${perDay(spam * (1 - caught), "spam let through")}.`;
}

function moveTo(index) {
  slider.value = String(index);
  stop = { logit: logits[index], spam: data.curve.spam[index], ham: data.curve.ham[index] };
  show();
}
slider.addEventListener("input", () => moveTo(Number(slider.value)));
for (const id of ["volume", "share"]) byId(id).addEventListener("input", show);
byId("toModel")?.addEventListener("click", () => {
  slider.value = String(start);
  stop = atStart();
  show();
});
byId("toNone").addEventListener("click", () => {
  const free = data.curve.ham.indexOf(0);
  moveTo(free < 0 ? last : free);
});

drawScores();
drawRoc();
drawReliability();
slider.value = String(start);
show();
