// An open page, kept up to date: what the actuator sends replaces what is shown, without taking away the reader's place.
import { morph } from "./morph.js";
import { localise } from "./times.js";

const QUIET_MILLISECONDS = 20_000; // the actuator is heard every five seconds, if only by a beat

const live = document.getElementById("live");
const said = document.getElementById("said");
const pulse = document.getElementById("pulse");
let stream = null;
let silence = 0;

localise(document.body);
follow();
document.addEventListener("visibilitychange", () => (document.hidden ? leave() : follow()));

function follow() {
  if (stream !== null) return;
  if (pulse.className === "live") tell("As it was; looking for news", "");
  stay();
  stream = new EventSource(live.dataset.stream);
  stream.addEventListener("page", (event) => show(JSON.parse(event.data)));
  stream.addEventListener("beat", heard);
  stream.addEventListener("trouble", (event) => { stay(); tell(event.data, "lost"); });
  stream.addEventListener("over", (event) => { leave(); tell(event.data, "lost"); });
  stream.addEventListener("error", () => {
    // The browser tries again by itself, unless it was answered that there is nothing to follow.
    const ended = stream !== null && stream.readyState === EventSource.CLOSED;
    if (ended) clearTimeout(silence);
    tell(ended ? "This page is not kept up to date any more: reload it." : "The actuator is not heard; trying again.", "lost");
  });
}

function leave() {
  clearTimeout(silence);
  if (stream !== null) stream.close();
  stream = null;
}

function show({ html, said: sentence, title }) {
  const fresh = live.cloneNode(false);
  fresh.innerHTML = html; // ours: every name and message in it was escaped
  localise(fresh);
  const focused = document.activeElement;
  const section = live.contains(focused) ? focused.closest("section") : null;
  morph(live, fresh);
  if (section !== null && !focused.isConnected) {
    (section.isConnected ? section : live).querySelector("h2, h1")?.focus();
  }
  if (sentence !== live.dataset.said) said.textContent = live.dataset.said = sentence;
  document.title = `${title} · Wattshift`;
  heard();
}

function heard() {
  stay();
  tell("Live", "live");
}

function stay() {
  clearTimeout(silence);
  silence = setTimeout(() => tell("The actuator is silent; what is shown may be old.", "lost"), QUIET_MILLISECONDS);
}

function tell(sentence, kind) {
  if (pulse.textContent !== sentence) pulse.textContent = sentence;
  pulse.className = kind;
}
