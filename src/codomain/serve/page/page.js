// The page of `codomain serve`: one state, kept in the address; what comes from documents is only ever set as text.

const $ = (id) => document.getElementById(id);
const state = { collection: "", beside: "", query: "", like: "", filters: {}, explain: false, current: 0 };
const memory = { facets: {}, collections: [], hits: [], feedback: {}, asked: 0, timer: 0, typing: false, writable: false, key: sessionStorage.getItem("key") };
const SHOWN_VALUES = 8;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value === true) element.setAttribute(name, "");
    else if (value !== false && value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const THUMB = "M2 9h3v9H2zM7 18V9l4-7c1.4 0 2.2 1 2 2.4L12.4 8H17c1.3 0 2.2 1.2 1.9 2.4l-1.5 6A2 2 0 0 1 15.5 18z";

function thumb(down) {
  const drawing = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  for (const [name, value] of Object.entries({ viewBox: "0 0 20 20", width: 15, height: 15, "aria-hidden": true, class: down ? "down" : "up" })) drawing.setAttribute(name, value);
  const path = document.createElementNS("http://www.w3.org/2000/svg", "path");
  path.setAttribute("d", THUMB);
  drawing.append(path);
  return drawing;
}

// --- the server ----------------------------------------------------------------------------------------------------

async function ask(path, body) {
  const headers = { ...(body && { "Content-Type": "application/json" }), ...(memory.key && { Authorization: `Bearer ${memory.key}` }) };
  const sent = memory.key;
  const answer = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body) });
  // another request may have asked for the key meanwhile
  if (answer.status === 401 && (memory.key !== sent || (await askForKey(Boolean(sent))))) return ask(path, body);
  const found = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new Error(found.error?.message ?? `The server answered ${answer.status}.`);
  return found;
}

function askForKey(wrong) {
  const dialog = $("ask-key");
  $("key-error").hidden = !wrong;
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      const given = dialog.returnValue === "ok" ? $("key").value.trim() : "";
      $("key").value = "";
      if (given) sessionStorage.setItem("key", (memory.key = given));
      resolve(Boolean(given));
    }, { once: true });
    if (!dialog.open) dialog.showModal();
  });
}

const at = (name, rest) => `collections/${encodeURIComponent(name)}${rest}`;

// --- filters -------------------------------------------------------------------------------------------------------

function where() {
  // a comparison with a list is true where it is true of a member
  const parts = Object.entries(state.filters).filter(([, values]) => values.length);
  return parts.length ? { $and: parts.map(([field, values]) => ({ [field]: { $in: values } })) } : null;
}

async function loadFacets() {
  const name = state.collection;
  if (!memory.facets[name]) {
    const { fields } = await ask(at(name, "/fields"));
    const found = await Promise.all(fields.slice(0, 12).map(async (field) => ({
      field, ...(await ask(at(name, `/facets?field=${encodeURIComponent(field)}&limit=200`))),
    })));
    // a field whose values are nearly all different is no filter
    memory.facets[name] = found.filter(({ values, all }) => values.length > 1 && all <= 200 && values[0].count > 1);
  }
  showFacets();
}

function showFacets() {
  const facets = memory.facets[state.collection] ?? [];
  $("filters").replaceChildren(...facets.map(({ field, values }) => {
    const chosen = state.filters[field] ?? [];
    const set = make("fieldset", {}, make("h2", {}, field));
    const draw = (count) => {
      set.replaceChildren(set.firstChild, ...values.slice(0, count).map(({ value, count }) => make("label", { title: String(value) },
        make("input", { type: "checkbox", checked: chosen.some((one) => one === value), onchange: (event) => choose(field, value, event.target.checked) }),
        make("span", {}, String(value)), make("span", { class: "count" }, count.toLocaleString()))));
      if (count < values.length) set.append(make("button", { class: "all", type: "button", onclick: () => draw(values.length) }, `all ${values.length}`));
    };
    draw(Math.max(SHOWN_VALUES, chosen.length));
    return set;
  }));
}

function choose(field, value, on) {
  const chosen = (state.filters[field] ?? []).filter((one) => one !== value);
  state.filters[field] = on ? [...chosen, value] : chosen;
  if (!state.filters[field].length) delete state.filters[field];
  go();
}

// --- searching -----------------------------------------------------------------------------------------------------

async function search() {
  const asked = ++memory.asked;
  if (!state.query.trim() && !state.like) return showStart();
  const names = [state.collection, ...(state.beside ? [state.beside] : [])];
  const wanted = { k: 20, where: where(), explain: true, context: 0, ...(state.like ? { like: state.like } : { query: state.query }) };
  const began = performance.now();
  try {
    const found = await Promise.all(names.map((name) => ask(at(name, "/search"), wanted)));
    if (asked !== memory.asked) return; // a newer search is under way
    memory.hits = found.map((one) => one.hits);
    state.current = 0;
    showHits(names, performance.now() - began);
  } catch (error) {
    if (asked === memory.asked) showError(error);
  }
}

function showStart() {
  memory.hits = [];
  $("status").replaceChildren();
  const about = memory.collections.find(({ name }) => name === state.collection);
  $("columns").replaceChildren(make("div", { class: "empty" },
    make("b", {}, about ? `${about.documents.toLocaleString()} documents in ${about.name}` : "No collection is served here"),
    about ? about.pipeline : "Start the server with one: codomain serve NAME"));
}

function showError(error) {
  $("status").replaceChildren();
  $("columns").replaceChildren(make("p", { class: "error" }, error.message));
}

function showHits(names, ms) {
  const status = [make("span", {}, `${memory.hits[0].length} ${memory.hits[0].length === 1 ? "hit" : "hits"} in ${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`)];
  if (state.like) status.unshift(make("span", { class: "chip" }, `like ${state.like} `, make("button", { "aria-label": "search for the words again", onclick: () => { state.like = ""; go(); } }, "×")));
  if (where()) status.push(make("button", { onclick: () => { state.filters = {}; showFacets(); go(); } }, "no filter"));
  status.push(make("button", { onclick: toggleBranches, title: "e" }, state.explain ? "hide the branches" : "show the branches"));
  $("status").replaceChildren(...status);
  const places = memory.hits.map((hits) => new Map(hits.map((hit, place) => [hit.id, place])));
  $("columns").replaceChildren(...memory.hits.map((hits, column) => make("div", { class: "column" },
    names.length > 1 ? make("h2", {}, `${names[column]}: ${pipelineOf(names[column])}`) : null,
    ...(hits.length ? hits.map((hit, place) => showHit(hit, place, column, names, places)) : [make("div", { class: "empty" }, make("b", {}, "Nothing was found"), "Other words, or fewer filters, may find it.")]))));
  mark();
}

const pipelineOf = (name) => memory.collections.find((one) => one.name === name)?.pipeline ?? "";

function showHit(hit, place, column, names, places) {
  const name = names[column];
  const fields = Object.entries(hit.metadata).filter(([, value]) => typeof value !== "object" && String(value).length < 40).slice(0, 5);
  const line = [hit.headings?.join(" › "), hit.source?.split("/").slice(-2).join("/")].filter(Boolean).join("  ·  ");
  const element = make("article", { class: "hit", tabindex: 0, onfocus: () => select(column, place), onclick: (event) => { if (!event.target.closest("button")) { select(column, place); openDocument(name, hit); } } },
    make("h3", {}, hit.title ?? firstLine(hit.text), moved(hit, place, column, places)),
    make("span", { class: "score", title: "score" }, hit.score.toFixed(3)),
    line ? make("p", { class: "where", title: hit.source ?? line }, line) : null,
    make("p", { class: "text" }, ...highlighted(hit.text)),
    fields.length ? make("div", { class: "fields" }, ...fields.map(([field, value]) => make("span", { class: "tag" }, `${field}: ${value}`))) : null,
    state.explain ? branches(hit) : null,
    make("div", { class: "tools" },
      make("button", { type: "button", onclick: () => like(name, hit.id) }, "More like this"),
      state.like || !memory.writable ? null : make("button", { type: "button", class: said(name, hit, 1), "aria-label": "right for this query", "aria-pressed": String(said(name, hit, 1) !== null), onclick: (event) => tell(name, hit, 1, event.currentTarget) }, thumb(false)),
      state.like || !memory.writable ? null : make("button", { type: "button", class: said(name, hit, -1), "aria-label": "wrong for this query", "aria-pressed": String(said(name, hit, -1) !== null), onclick: (event) => tell(name, hit, -1, event.currentTarget) }, thumb(true))));
  return element;
}

function moved(hit, place, column, places) {
  if (places.length < 2) return null;
  const other = places[1 - column].get(hit.id);
  if (other === undefined) return make("span", { class: "moved only" }, "only here");
  return other === place ? null : make("span", { class: "moved" }, `${other + 1} there`);
}

function branches(hit) {
  const found = Object.entries(hit.branches ?? {});
  return make("ul", { class: "branches" }, ...found.map(([branch, { rank, score }]) => make("li", { title: branch },
    make("code", {}, branch), make("span", {}, `#${rank}`), make("span", {}, score.toFixed(3)))));
}

const firstLine = (text) => { const line = text.trim().split("\n")[0]; return line.length > 90 ? `${line.slice(0, 89)}…` : line; };

function highlighted(text) {
  const words = state.like ? [] : [...new Set(state.query.toLowerCase().match(/[\p{L}\p{N}]{3,}/gu) ?? [])];
  if (!words.length) return [text];
  const pattern = new RegExp(`(?<![\\p{L}\\p{N}])(${words.map((word) => word.replace(/s$/u, "")).join("|")})[\\p{L}\\p{N}]{0,3}(?![\\p{L}\\p{N}])`, "giu");
  const parts = [];
  let end = 0;
  for (const found of text.matchAll(pattern)) {
    parts.push(text.slice(end, found.index), make("mark", {}, found[0]));
    end = found.index + found[0].length;
  }
  return [...parts, text.slice(end)];
}

function like(name, id) {
  state.collection = name;
  state.like = id;
  $("collection").value = name;
  go();
  scrollTo({ top: 0 });
}

const noted = (name, id) => `${name}\n${state.query}\n${id}`;
const said = (name, hit, sign) => memory.feedback[noted(name, hit.id)] === sign ? `said${sign < 0 ? " bad" : ""}` : null;

async function tell(name, hit, sign, button) {
  if (memory.feedback[noted(name, hit.id)] === sign) return;
  try {
    await ask(at(name, "/feedback"), { query: state.query, [sign > 0 ? "good" : "bad"]: [hit.id] });
    memory.feedback[noted(name, hit.id)] = sign;
    for (const one of button.parentElement.querySelectorAll("[aria-pressed]")) {
      one.classList.remove("said", "bad");
      one.setAttribute("aria-pressed", one === button);
    }
    button.classList.add("said", ...(sign < 0 ? ["bad"] : []));
  } catch (error) {
    $("status").replaceChildren(make("span", { class: "error" }, error.message));
  }
}

// --- a document ----------------------------------------------------------------------------------------------------

async function openDocument(name, hit) {
  const panel = $("document");
  try {
    const query = `id=${encodeURIComponent(hit.id)}`;
    const [found, { chunks }] = await Promise.all([ask(at(name, `/document?${query}`)), ask(at(name, `/chunks?${query}`))]);
    const parts = [];
    let end = 0;
    let best = null;
    for (const { start, end: stop, headings } of chunks) {
      if (start > end) parts.push(make("div", { class: "gap" }, found.text.slice(end, start)));
      const isBest = start === hit.start && stop === hit.end;
      const part = make("div", { class: isBest ? "chunk best" : "chunk" }, headings?.length ? make("small", {}, headings.join(" › ")) : null, ...highlighted(found.text.slice(Math.max(start, end), stop)));
      if (isBest) best = part;
      parts.push(part);
      end = Math.max(end, stop);
    }
    if (end < found.text.length) parts.push(make("div", { class: "gap" }, found.text.slice(end)));
    const fields = Object.entries({ id: found.id, ...(hit.source && { from: hit.source }), ...found.metadata });
    panel.replaceChildren(
      make("button", { class: "close", type: "button", "aria-label": "close", onclick: closeDocument }, "×"),
      make("h2", {}, found.title ?? firstLine(found.text)),
      make("dl", {}, ...fields.flatMap(([field, value]) => [make("dt", {}, field), make("dd", {}, Array.isArray(value) ? value.join(", ") : typeof value === "object" ? JSON.stringify(value) : String(value))])),
      make("div", { class: "tools" }, make("button", { type: "button", onclick: () => { closeDocument(); like(name, hit.id); } }, "More like this")),
      ...parts);
    panel.hidden = false;
    panel.focus({ preventScroll: true });
    document.querySelector("main").classList.add("open");
    panel.scrollTop = 0;
    if (best && parts.indexOf(best) > 0) best.scrollIntoView({ block: "nearest" });
  } catch (error) {
    showError(error);
  }
}

function closeDocument() {
  if ($("document").contains(document.activeElement)) mark()?.focus({ preventScroll: true }); // where it was opened
  $("document").hidden = true;
  document.querySelector("main").classList.remove("open");
}

// --- keys ----------------------------------------------------------------------------------------------------------

function select(column, place) {
  state.column = column;
  state.current = place;
  mark();
}

function mark() {
  document.querySelectorAll(".hit.current").forEach((one) => one.classList.remove("current"));
  const column = document.querySelectorAll(".column")[state.column ?? 0] ?? document.querySelector(".column");
  const element = column?.querySelectorAll(".hit")[state.current];
  element?.classList.add("current");
  return element;
}

function focusHit() {
  const element = mark();
  if (element) element.focus();
  else if (document.activeElement === $("query")) $("query").blur();
}

function toggleBranches() {
  state.explain = !state.explain;
  search();
}

function toggleTheme() {
  const theme = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
  document.documentElement.dataset.theme = theme;
  localStorage.setItem("theme", theme);
}

addEventListener("keydown", (event) => {
  if (event.key === "Escape") {
    if (event.target === $("query")) $("query").blur();
    closeDocument();
    return;
  }
  const typing = event.target.matches("input, select, textarea") && event.target.type !== "checkbox";
  if (event.target === $("query") && (event.key === "ArrowDown" || event.key === "Enter")) {
    event.preventDefault();
    if (event.key === "Enter") submit();
    focusHit();
    return;
  }
  if (event.key === "Enter" && event.target.closest("button, a, [type=checkbox]")) return; // it does what it says
  if (typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
  const hits = memory.hits[state.column ?? 0] ?? [];
  const hit = hits[state.current];
  const name = state.column && state.beside ? state.beside : state.collection;
  const move = (step) => { select(state.column ?? 0, Math.max(0, Math.min(hits.length - 1, state.current + step))); focusHit(); };
  const button = (label) => mark()?.querySelector(`[aria-label="${label} for this query"]`)?.click();
  const keys = {
    "/": () => { $("query").focus(); $("query").select(); }, "?": () => $("help").showModal(), t: toggleTheme, e: toggleBranches,
    j: () => move(1), ArrowDown: () => move(1), k: () => move(-1), ArrowUp: () => move(-1),
    Enter: () => hit && openDocument(name, hit), m: () => hit && like(name, hit.id), "+": () => button("right"), "-": () => button("wrong"),
  };
  if (keys[event.key]) {
    event.preventDefault();
    keys[event.key]();
  }
});

// --- the address ---------------------------------------------------------------------------------------------------

// while words are typed the address follows them in one entry of the history; it is done when they are submitted, or left
function type() {
  go(memory.typing);
  memory.typing = true;
}

function submit() {
  clearTimeout(memory.timer);
  if (state.query !== $("query").value) typed();
  memory.typing = false;
}

function typed() {
  Object.assign(state, { query: $("query").value, like: "", column: 0 });
  type();
}

function go(same = false) {
  const { collection: c, beside: b, query: q, like: l, filters } = state;
  const f = Object.keys(filters).length ? JSON.stringify(filters) : "";
  const pairs = Object.entries({ c, b, q, l, f }).filter(([, value]) => value);
  history[same ? "replaceState" : "pushState"](null, "", `#${new URLSearchParams(pairs)}`);
  memory.typing = false;
  $("map").href = `static/map/map.html#${new URLSearchParams({ c })}`;
  search();
}

function readAddress() {
  const found = new URLSearchParams(location.hash.slice(1));
  const known = memory.collections.map(({ name }) => name);
  state.collection = known.includes(found.get("c")) ? found.get("c") : (known[0] ?? "");
  state.beside = known.includes(found.get("b")) ? found.get("b") : "";
  state.query = found.get("q") ?? "";
  state.like = found.get("l") ?? "";
  let filters = {};
  try { filters = JSON.parse(found.get("f") || "{}"); } catch { /* an address that was cut off */ }
  state.filters = Object.fromEntries(Object.entries(filters ?? {}).filter(([, values]) => Array.isArray(values) && values.length));
  $("query").value = state.query;
  $("map").href = `static/map/map.html#${new URLSearchParams({ c: state.collection })}`;
  $("collection").value = state.collection;
  $("beside").value = state.beside;
}

async function start() {
  document.documentElement.dataset.theme = localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  $("theme").addEventListener("click", toggleTheme);
  $("search").addEventListener("submit", (event) => event.preventDefault());
  $("query").addEventListener("input", () => {
    clearTimeout(memory.timer);
    memory.timer = setTimeout(typed, 120);
  });
  $("query").addEventListener("blur", submit);
  $("collection").addEventListener("change", () => { state.collection = $("collection").value; state.filters = {}; state.like = ""; closeDocument(); go(); loadFacets().catch(showError); });
  $("beside").addEventListener("change", () => { state.beside = $("beside").value; go(); });
  try {
    Object.assign(memory, await ask("collections"));
  } catch (error) {
    return showError(error);
  }
  $("collection").replaceChildren(...memory.collections.map(({ name }) => make("option", { value: name }, name)));
  $("beside").replaceChildren(make("option", { value: "" }, "nothing"), ...memory.collections.map(({ name }) => make("option", { value: name }, name)));
  $("beside").parentElement.hidden = memory.collections.length < 2;
  addEventListener("popstate", () => { readAddress(); showFacets(); search(); });
  readAddress();
  search();
  if (state.collection) loadFacets().catch(showError);
}

start();
