/* Talks to the API, and turns everything that can go wrong into words with what to do.

   The only file that calls fetch. The address comes from a meta tag, the key (if the server asks for one) lives in
   this module's memory until the page is left and is sent to that address alone. Callers get an answer or a
   `Problem`; they never see a status. */

const BASE = new URL(
  `${document.querySelector('meta[name="despam-api"]').content.replace(/\/+$/, "")}/`,
  document.baseURI,
);
export const HOST = BASE.host;
const SECONDS = 30;
export const MAX_BYTES = 1024 * 1024;

let key = "";

/** Keep the key for this visit, in memory only. */
export function useKey(value) {
  key = value.trim();
}

/** What went wrong: `kind` for the page, `title` and `advice` for the visitor, `detail` in the server's own words. */
export class Problem extends Error {
  constructor(kind, title, advice, detail = "", wait = 0) {
    super(title);
    Object.assign(this, { kind, title, advice, detail, wait });
  }
}

const BROKEN = [
  "broken",
  "The server had a problem of its own.",
  "Try again in a moment. If it stays, its log says why. Your text stays here.",
];
const STRANGE = [
  "strange",
  "The answer did not come from despam.",
  "Something between this page and the server answered instead. Check the address, then try again.",
];
const STATUSES = {
  400: ["bad", "The server could not use this message.", "Change the message and try again."],
  401: ["key", "This server asks for a key.", "Enter the API key you were given. It stays in this page’s memory only."],
  403: [
    "key",
    "This server did not accept the request.",
    "Enter an API key that is allowed to ask. It stays in this page’s memory only.",
  ],
  404: [
    "address",
    "There is no despam service at this address.",
    "Check the address this page was written for (despam page --api).",
  ],
  405: STRANGE,
  408: ["slow", "The message did not arrive in time.", "The line is slow. Try again. Your text stays here."],
  413: [
    "large",
    "This message is too large for the server.",
    "The limit is 1 MB. Shorten it: the beginning and the end are what the model reads.",
  ],
  415: STRANGE,
  429: ["busy", "Too many requests at the moment.", "Wait a few seconds, then try again. Your text stays here."],
};

/** Say whether the server is there at all when a browser only says "failed". */
async function whyNoAnswer() {
  if (navigator.onLine === false) {
    return new Problem("offline", "You are offline.", "Connect again, then try once more. Your text stays here.");
  }
  try {
    // an opaque answer means: somebody is there, but does not let this page read what it says
    await fetch(new URL("health", BASE), { mode: "no-cors", cache: "no-store", signal: AbortSignal.timeout(5000) });
  } catch {
    return new Problem(
      "gone",
      "The server does not answer.",
      `Check that it is running at ${BASE.host} and try again. Your text stays here.`,
    );
  }
  if (BASE.origin === location.origin) {
    return new Problem("gone", "The connection broke off.", "Try again. Your text stays here.");
  }
  return new Problem(
    "refused",
    "The server does not accept requests from this page.",
    `Whoever runs ${BASE.host} has to allow this page’s address, ${location.origin}, in DESPAM_ORIGINS.`,
  );
}

function fromStatus(response, answer) {
  // a server that says when to come again is well, and has too much to do
  const status = response.status === 503 && response.headers.has("Retry-After") ? 429 : response.status;
  const [kind, title, advice] = STATUSES[status] ?? (status >= 500 ? BROKEN : STATUSES[400]);
  const said = answer?.error ?? answer?.message; // a gateway before the service says "message"
  const detail = typeof said === "string" ? said : "";
  const wait = Number(response.headers.get("Retry-After")) || 0;
  const when = wait > 5 ? advice.replace("a few seconds", `${wait} seconds`) : advice;
  return new Problem(kind, title, when, detail, wait);
}

/** Send one request and return its JSON; `body` makes it a POST. */
async function ask(path, body, signal) {
  const headers = {};
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (key) headers["X-Api-Key"] = key;
  const late = AbortSignal.timeout(SECONDS * 1000);
  let response, answer;
  try {
    response = await fetch(new URL(path, BASE), {
      method: body === undefined ? "GET" : "POST",
      body,
      headers,
      credentials: "omit",
      referrerPolicy: "no-referrer",
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
    answer = await response.text();
  } catch (error) {
    if (signal?.aborted) throw error;
    if (late.aborted)
      throw new Problem(
        "slow",
        "The server takes too long.",
        `No answer in ${SECONDS} seconds. Try again. Your text stays here.`,
      );
    throw await whyNoAnswer();
  }
  try {
    answer = JSON.parse(answer);
  } catch {
    throw response.ok ? new Problem(...STRANGE) : fromStatus(response);
  }
  if (!response.ok) throw fromStatus(response, answer);
  return answer;
}

/** Ask for one verdict with its clues. */
export async function classify(text, signal) {
  const body = JSON.stringify({ text });
  // a server may hang up on a body this large before it can say so: say it here
  if (new Blob([body]).size > MAX_BYTES) throw new Problem(...STATUSES[413]);
  const answer = await ask("classify?explain=true", body, signal);
  const judged = answer?.classification === "SPAM" || answer?.classification === "HAM";
  const numbers = [answer?.spam_probability, answer?.score, answer?.cutoff];
  if (!judged || !numbers.every(Number.isFinite)) throw new Problem(...STRANGE);
  return answer;
}

/** Ask for the verdicts on many texts, in their order; each is an answer or `{error}`. */
export async function classifyMany(texts, signal) {
  const answer = await ask("classify/batch", JSON.stringify({ texts }), signal);
  if (!Array.isArray(answer?.results) || answer.results.length !== texts.length) throw new Problem(...STRANGE);
  return answer.results;
}

export const describeModel = (signal) => ask("model", undefined, signal);
