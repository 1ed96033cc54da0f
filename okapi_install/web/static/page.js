// Keeps an open page current. The server sends HTML for the parts that changed; here they are put in their places.
// Without this script everything is there too: pages that load themselves again, and forms.
"use strict";

const main = document.getElementById("main");
const live = document.getElementById("live");
const ahead = Number(document.documentElement.dataset.now) - Date.now();
const serverNow = () => Date.now() + ahead;

function duration(milliseconds) {
  const seconds = Math.max(milliseconds, 0) / 1000;
  const two = (number) => String(number).padStart(2, "0");
  if (seconds < 60) return `${seconds.toFixed(seconds < 10 ? 1 : 0)} s`;
  const whole = Math.floor(seconds);
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${two(whole % 60)} s`;
  return `${Math.floor(whole / 3600)} h ${two(Math.floor((whole % 3600) / 60))} min`;
}

function tick() {
  for (const clock of document.querySelectorAll("[data-since]")) {
    clock.textContent = duration(serverNow() - Number(clock.dataset.since));
  }
  for (const mark of document.querySelectorAll("[data-slow-after][hidden]")) {
    mark.hidden = serverNow() - Number(mark.dataset.started) < Number(mark.dataset.slowAfter);
  }
}

function parsed(html, like) {
  const holder = document.createElement("template");
  holder.innerHTML = like === "TBODY" ? `<table><tbody>${html}</tbody></table>` : like === "TABLE" ? `<table>${html}</table>` : html;
  if (like === "TBODY") return [...holder.content.querySelector("tbody").children];
  if (like === "TABLE") return [...holder.content.querySelector("table").children];
  return [...holder.content.children];
}

// A change must not take the keyboard away from where it was: the same link or button is found in the new part.
function keepingFocus(place, change) {
  const held = place.contains(document.activeElement) ? document.activeElement : null;
  const find = held && (held.id ? `#${CSS.escape(held.id)}` : held.getAttribute("href") && `[href="${CSS.escape(held.getAttribute("href"))}"]`);
  change();
  if (held && !held.isConnected && find) place.querySelector(find)?.focus({ preventScroll: true });
}

function patch(place, html, whole) {
  const fresh = parsed(html, place.tagName);
  const keyed = fresh.every((row) => row.dataset.key !== undefined);
  if (!keyed) {
    keepingFocus(place, () => place.replaceChildren(...fresh));
    return;
  }
  keepingFocus(place, () => {
    const old = new Map([...place.children].filter((row) => row.dataset.key !== undefined).map((row) => [row.dataset.key, row]));
    const there = new Set(fresh.map((row) => row.dataset.key));
    if (whole) for (const [key, row] of old) if (!there.has(key)) row.remove();
    let next = [...old.values()].find((row) => row.isConnected) ?? null;
    for (const row of fresh) {
      const before = old.get(row.dataset.key);
      const kept = before?.dataset.mark === row.dataset.mark ? before : row;
      if (before === undefined) row.classList.add("new");
      else if (kept === row) before.replaceWith(row);
      if (next === before && before !== undefined) next = kept;
      if (!whole) continue;
      if (kept === next) next = kept.nextElementSibling;
      else place.insertBefore(kept, next);
    }
    if (!whole) ranked(place);
  });
}

// Rows that changed go to their places: failed and running modules first.
function ranked(place) {
  const rows = [...place.children].filter((row) => row.dataset.rank !== undefined);
  const wanted = [...rows].sort((one, other) => one.dataset.rank - other.dataset.rank);
  let next = rows[0];
  for (const row of wanted) {
    if (row === next) next = row.nextElementSibling;
    else place.insertBefore(row, next);
  }
}

const waiting = new Set();
async function redraw(picture) {
  if (waiting.has(picture) || !picture.checkVisibility()) return;
  waiting.add(picture);
  try {
    const answer = await fetch(picture.dataset.picture);
    if (answer.ok) {
      const svg = new DOMParser().parseFromString(await answer.text(), "image/svg+xml").documentElement;
      if (svg.tagName === "svg") picture.replaceChildren(document.adoptNode(svg));
      zoom(picture);
    }
  } catch {
    // The server is unavailable. The stream shows that, and another change will follow.
  }
  setTimeout(() => waiting.delete(picture), 1000);
}

for (const picture of document.querySelectorAll("[data-picture]")) if (!picture.querySelector("svg")) redraw(picture);

const pictures = (which) => document.querySelectorAll(`[data-picture]${which}`);
let stale = false;

function onParts(message) {
  const news = JSON.parse(message.data);
  for (const [name, html] of Object.entries(news.whole ?? {})) place(name, html, true);
  for (const [name, html] of Object.entries(news.changed ?? {})) place(name, html, false);
  const announcement = document.getElementById("announcement");
  if (news.announcement && announcement.textContent !== news.announcement) announcement.textContent = news.announcement;
  if (news.pictures) stale = true;
  showOnly();
  pulse();
  tick();
}

function place(name, html, whole) {
  const found = document.querySelector(`[data-part="${name}"]`);
  if (found) patch(found, html, whole);
}

function say(text, state) {
  live.hidden = false;
  live.className = `live is-${state}`;
  if (live.textContent !== text) live.textContent = text;
}

// A page whose jobs no worker continues is not live, whatever its connection.
function pulse() {
  const lost = document.querySelector('[data-part="pulse"]')?.children.length;
  say(lost ? "No worker is running" : "Live", lost ? "off" : "on");
}

let source = null;
let finished = false;

function listen() {
  if (!main.dataset.events || source || finished) return;
  source = new EventSource(main.dataset.events);
  source.addEventListener("open", pulse);
  source.addEventListener("error", onError);
  source.addEventListener("parts", onParts);
  source.addEventListener("end", () => finish("Finished"));
  source.addEventListener("gone", () => finish("This job was removed"));
}

// After a refusal, such as 503 from a busy server, a browser does not connect again by itself.
function onError() {
  say("Connection lost, trying again", "off");
  if (source?.readyState !== EventSource.CLOSED) return;
  rest();
  setTimeout(listen, 5000);
}

function rest() {
  source?.close();
  source = null;
}

function finish(text) {
  finished = true;
  rest();
  say(text, "ended");
  document.getElementById("abort-dialog")?.close();
  pictures("").forEach(redrawSoon);
}

// The last change may come while a picture is being drawn.
function redrawSoon(picture) {
  if (waiting.has(picture)) setTimeout(() => redrawSoon(picture), 300);
  else redraw(picture);
}

// A browser opens six connections to a server at the most: a tab that nobody sees gives its one back.
document.addEventListener("visibilitychange", () => (document.hidden ? rest() : listen()));
addEventListener("pagehide", rest);
addEventListener("pageshow", listen);

document.addEventListener("click", (click) => {
  const opener = click.target.closest("[data-dialog]");
  const dialog = opener && document.getElementById(opener.dataset.dialog);
  if (dialog) {
    click.preventDefault();
    dialog.showModal();
  }
  const closer = click.target.closest("dialog [data-close]");
  if (closer) {
    click.preventDefault();
    closer.closest("dialog").close();
  }
  const node = click.target.closest(".graph [data-pos], .timeline [data-pos]");
  if (node) document.getElementById(`m-${node.dataset.pos}`)?.scrollIntoView({ block: "center" });
  const copier = click.target.closest("[data-copy]");
  if (copier) {
    click.preventDefault();
    copy(copier);
  }
  const chip = click.target.closest("[data-show-only]");
  if (chip) {
    click.preventDefault();
    document.querySelector("table.modules").dataset.show = chip.dataset.showOnly;
    history.replaceState(null, "", chip.search);
    showOnly();
  }
  const zoomer = click.target.closest("[data-zoom]");
  if (zoomer) zoomTo(zoomer.dataset.zoom);
});

// Which modules are shown stays when the counts change.
function showOnly() {
  const shown = document.querySelector("table.modules")?.dataset.show ?? "";
  for (const chip of document.querySelectorAll("[data-show-only]")) {
    if (chip.dataset.showOnly === shown) chip.setAttribute("aria-current", "true");
    else chip.removeAttribute("aria-current");
  }
}

// Over plain HTTP to another machine a browser has no clipboard for scripts, but can still copy what is selected.
async function copied(text) {
  try {
    await navigator.clipboard.writeText(text.textContent);
    return true;
  } catch {
    const fold = text.closest("details");
    if (fold) fold.open = true;
    getSelection().selectAllChildren(text);
    return document.execCommand("copy");
  }
}

async function copy(button) {
  const words = (button.dataset.words ??= button.textContent);
  const done = await copied(document.getElementById(button.dataset.copy));
  button.textContent = done ? "Copied" : "Selected: press Ctrl-C";
  const announcement = document.getElementById("announcement");
  if (announcement) announcement.textContent = done ? "Copied to the clipboard" : button.textContent;
  setTimeout(() => (button.textContent = words), 2500);
}

// The graph fits its window until someone zooms in.
let scale = 0;
function zoom(picture) {
  const svg = picture.id === "graph-view" && picture.firstElementChild;
  if (!svg) return;
  picture.classList.toggle("zoomed", scale > 0);
  svg.style.width = scale ? `${svg.viewBox.baseVal.width * scale}px` : "";
}

function zoomTo(what) {
  const view = document.getElementById("graph-view");
  const svg = view?.firstElementChild;
  if (!svg) return;
  const now = scale || svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
  const middle = [(view.scrollLeft + view.clientWidth / 2) / now, (view.scrollTop + view.clientHeight / 2) / now];
  if (what === "fit") scale = 0;
  else if (what === "next") scale = Math.max(now, 1);
  else scale = Math.min(Math.max(now * (what === "in" ? 1.4 : 1 / 1.4), 0.05), 4);
  zoom(view);
  if (what === "next") nextNode(view, svg);
  else view.scrollTo(middle[0] * scale - view.clientWidth / 2, middle[1] * scale - view.clientHeight / 2);
}

// Each click goes to another node that failed or runs.
let visited = 0;
function nextNode(view, svg) {
  const failed = [...svg.querySelectorAll(".node.is-error")];
  const nodes = failed.length ? failed : [...svg.querySelectorAll(".node.is-running, .node.is-stopped")];
  const node = nodes[visited++ % nodes.length];
  if (!node) return;
  view.scrollIntoView({ block: "nearest" });
  for (const other of svg.querySelectorAll(".node.found")) other.classList.remove("found");
  node.classList.add("found");
  const [box, frame] = [node.getBoundingClientRect(), view.getBoundingClientRect()];
  view.scrollBy(
    box.x + box.width / 2 - frame.x - frame.width / 2,
    box.y + box.height / 2 - frame.y - frame.height / 2,
  );
}

// Times are written in UTC. Here they become "3 min ago", with the local time where one points at them.
function ago(seconds) {
  if (seconds < 60) return `${Math.max(Math.floor(seconds), 0)} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  return seconds < 86400 ? `${Math.floor(seconds / 3600)} h ago` : `${Math.floor(seconds / 86400)} d ago`;
}

document.getElementById("zone").textContent = "point at a time to see it in full";
function times() {
  for (const time of document.querySelectorAll("time[datetime]")) {
    const then = Date.parse(time.dateTime);
    const words = ago((serverNow() - then) / 1000);
    if (time.textContent !== words) time.textContent = words;
    time.title ||= new Date(then).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "long" });
  }
}

// In the graph, what a module waits for and what waits for it stands out while the pointer is on it.
document.addEventListener("pointerover", (over) => {
  const pos = over.target.closest?.(".graph [data-pos]")?.dataset.pos;
  for (const edge of document.querySelectorAll(".graph .edges path")) {
    edge.classList.toggle("near", pos !== undefined && (edge.dataset.from === pos || edge.dataset.to === pos));
  }
});

// A link to a part that is folded up opens it.
function unfold() {
  const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const fold = target && target.closest("details");
  if (fold) fold.open = true;
}
addEventListener("hashchange", unfold);
unfold();

for (const hidden of document.querySelectorAll("button[data-copy], .tools")) hidden.hidden = false;
setInterval(() => {
  tick();
  times();
  if (stale) pictures("").forEach(redrawSoon);
  else if (source) pictures("[data-ticks]").forEach(redraw);
  stale = false;
}, 1000);
tick();
times();
listen();
