// The page of a map: what is shown, searched, colored and chosen. What comes from documents is only ever set as text.
"use strict";

const $ = (id) => document.getElementById(id);
const view = { x: SIZE / 2, y: SIZE / 2, scale: 0.01, width: 0, height: 0, ratio: 1 };
const state = { color: -1, values: new Set(), range: -1, low: 0, high: 1, words: "", found: null, contours: true, labels: true, chosen: -1, hover: -1, current: -1, wide: false };
let map, points, hills, paintable, shown, matches = [], buckets, lower, playing = 0, drawing = 0, tiles = null;

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value != null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child != null));
  return element;
}

const theme = () => document.documentElement.dataset.theme;
const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const number = (n) => n.toLocaleString("en");
const remembered = { get: (name) => { try { return localStorage.getItem(name); } catch { return null; } }, set: (name, value) => { try { localStorage.setItem(name, value); } catch { /* a page that may remember nothing */ } } };

// --- what is shown -------------------------------------------------------------------------------------------------

function isShown(i) {
  if (state.found && !state.found.has(i)) return false;
  if (state.range >= 0 && (state.low > 0 || state.high < 1)) {
    const field = map.fields[state.range], value = field.data[i];
    if (Number.isNaN(value)) return false;
    const at = scaled(field, value, field.low, field.high);
    if (at < state.low - 1e-6 || at > state.high + 1e-6) return false;
  }
  if (state.values.size) {
    const { data, starts } = map.fields[state.color];
    for (let k = starts[i]; k < starts[i + 1]; k++) if (state.values.has(data[k])) return true;
    return false;
  }
  return true;
}

function filter() {
  const n = map.documents;
  let count = 0;
  for (let i = 0; i < n; i++) { shown[i] = isShown(i) ? 255 : 0; count += shown[i] && 1; }
  Object.assign(view, { count, filtered: count < n });
  tiles = null;
  $("count").textContent = view.filtered ? `${number(count)} of ${number(n)} documents` : `${number(n)} documents`;
  for (let i = 0; i < n; i++) paintable[4 * i + 3] = shown[i];
  points.paint(paintable);
  listResults();
  redraw();
}

function paint() {
  const field = map.fields[state.color], dark = theme(), palette = PALETTES[dark].map(rgb), other = rgb(OTHER[dark]), plain = rgb(PLAIN[dark]);
  const shades = Array.from({ length: 65 }, (_, k) => ramp(RAMPS[dark], k / 64));
  for (let i = 0; i < map.documents; i++) {
    let color = plain;
    if (field?.kind === "category") {
      const code = field.starts[i + 1] > field.starts[i] ? field.data[field.starts[i]] : -1;
      color = code >= 0 && code < palette.length ? palette[code] : other;
    } else if (field) {
      const value = field.data[i];
      color = Number.isNaN(value) ? other : shades[Math.round(64 * Math.max(0, Math.min(1, scaled(field, value, field.colorLow, field.colorHigh))))];
    }
    paintable.set(color, 4 * i);
  }
  points.paint(paintable);
  redraw();
}

function shownTiles() {
  const deepest = map.labels.level.at(-1) ?? 1, level = levelFor(view.scale, deepest);
  if (!view.filtered) return null;
  if (tiles?.level !== level) {
    tiles = new Map();
    tiles.level = level;
    for (let i = 0; i < map.documents; i++) {
      if (!shown[i]) continue;
      const tile = (map.x[i] >> (16 - level)) * (1 << level) + (map.y[i] >> (16 - level));
      tiles.set(tile, (tiles.get(tile) ?? 0) + 1);
    }
  }
  return tiles;
}

// --- drawing -------------------------------------------------------------------------------------------------------

const redraw = () => { drawing ||= requestAnimationFrame(draw); };
const toScreen = (i) => [(map.x[i] - view.x) * view.scale + view.width / 2, (map.y[i] - view.y) * view.scale + view.height / 2];

function draw() {
  drawing = 0;
  if (!map) return;
  const zoom = view.scale / view.least;
  const few = Math.max(1.9, Math.min(7, 1.5 + 170 / Math.sqrt(map.documents)));
  view.size = Math.min(13, few * Math.max(0.55, Math.min(1.1, (view.least * SIZE) / 800)) * zoom ** 0.42);
  if (view.filtered && view.count < 3000) view.size = Math.max(4.5, view.size * 1.25);
  view.alpha = view.filtered && view.count < 3000 ? 0.92 : Math.min(0.92, (map.documents > 20000 ? 0.5 : 0.68) + 0.1 * Math.log2(Math.max(zoom, 1)));
  drawHills($("hills"), state.contours && hills, view, css("--hill"));
  points.draw(view);
  const context = $("words").getContext("2d");
  context.setTransform(view.ratio, 0, 0, view.ratio, 0, 0);
  context.clearRect(0, 0, view.width, view.height);
  const colors = { ink: css("--ink"), soft: css("--soft"), halo: css("--bg"), accent: css("--accent") };
  if (state.chosen >= 0) joinNeighbors(context, colors);
  const covered = [...document.querySelectorAll("#panel, #card:not([hidden])")].map((one) => one.getBoundingClientRect());
  if (state.chosen >= 0) {
    const [x, y] = toScreen(state.chosen), r = view.size / 2 + 6;
    covered.push({ left: x - r, right: x + r, top: y - r, bottom: y + r });
  }
  document.body.dataset.labels = state.labels ? drawLabels(context, map, view, shownTiles(), colors, covered) : 0;
  if (view.filtered && view.count <= 300) for (let i = 0; i < map.documents; i++) if (shown[i]) dot(context, i, colors);
  for (const i of [state.hover, state.chosen]) if (i >= 0) ring(context, i, colors, i === state.chosen ? 3 : 2);
}

// a found one, above the labels
function dot(context, i, colors) {
  const [x, y] = toScreen(i);
  context.beginPath();
  context.arc(x, y, view.size / 2 + 2, 0, 7);
  context.fillStyle = `rgb(${paintable.subarray(4 * i, 4 * i + 3)})`;
  context.fill();
  for (const [color, width] of [[colors.halo, 4], [colors.accent, 2]]) {
    context.strokeStyle = color;
    context.lineWidth = width;
    context.stroke();
  }
}

function ring(context, i, colors, width) {
  const [x, y] = toScreen(i);
  for (const [color, wide] of [[colors.halo, width + 3], [colors.accent, width]]) {
    context.beginPath();
    context.arc(x, y, view.size / 2 + 4, 0, 7);
    context.strokeStyle = color;
    context.lineWidth = wide;
    context.stroke();
  }
}

function joinNeighbors(context, colors) {
  const [x, y] = toScreen(state.chosen);
  context.strokeStyle = colors.accent;
  for (const near of neighborsOf(state.chosen)) {
    const [a, b] = toScreen(near);
    context.lineWidth = 1.5;
    context.beginPath();
    context.moveTo(x, y);
    context.lineTo(a, b);
    context.stroke();
    context.beginPath();
    context.arc(a, b, view.size / 2 + 2, 0, 7);
    context.stroke();
  }
}

const neighborsOf = (i) => [...new Set(map.neighbors.map((column) => column[i]))].filter((near) => near !== i && near >= 0 && near < map.documents);

function resize() {
  view.width = innerWidth;
  view.height = innerHeight;
  view.ratio = Math.min(devicePixelRatio || 1, 2);
  for (const canvas of document.querySelectorAll("#stage canvas")) { canvas.width = view.width * view.ratio; canvas.height = view.height * view.ratio; }
  const before = view.least;
  // room beside the panel, or between what is above and below it on a phone
  const phone = view.width <= 760;
  Object.assign(view, { left: view.width > 900 ? 316 : 0, top: phone ? 108 : 8, bottom: phone ? 122 : 62 });
  view.least = Math.min(view.width - view.left - 16, view.height - view.top - view.bottom) / SIZE;
  if (!before) fit();
  redraw();
}

function fit() {
  view.scale = view.least;
  view.x = SIZE / 2 - view.left / 2 / view.scale;
  view.y = SIZE / 2 - (view.top - view.bottom) / 2 / view.scale;
  redraw();
}

function zoom(factor, px = (view.width + view.left) / 2, py = view.height / 2) {
  const scale = Math.max(view.least * 0.6, Math.min(view.least * 300, view.scale * factor));
  view.x += (px - view.width / 2) * (1 / view.scale - 1 / scale);
  view.y += (py - view.height / 2) * (1 / view.scale - 1 / scale);
  view.scale = scale;
  redraw();
}

function move(dx, dy) {
  view.x = Math.max(-SIZE / 2, Math.min(1.5 * SIZE, view.x - dx / view.scale));
  view.y = Math.max(-SIZE / 2, Math.min(1.5 * SIZE, view.y - dy / view.scale));
  redraw();
}

// --- which document is under the pointer ---------------------------------------------------------------------------

function sortIntoBuckets() {
  const cell = (i) => (map.x[i] >> 8) * 256 + (map.y[i] >> 8);
  const starts = new Uint32Array(65537), inside = new Uint32Array(map.documents);
  for (let i = 0; i < map.documents; i++) starts[cell(i) + 1]++;
  for (let k = 0; k < 65536; k++) starts[k + 1] += starts[k];
  const next = starts.slice();
  for (let i = 0; i < map.documents; i++) inside[next[cell(i)]++] = i;
  buckets = { starts, inside };
}

function nearest(px, py, reach) {
  const x = (px - view.width / 2) / view.scale + view.x, y = (py - view.height / 2) / view.scale + view.y, far = reach / view.scale;
  const bound = (value) => Math.max(0, Math.min(255, Math.floor(value / 256)));
  let best = -1, least = far * far;
  for (let a = bound(x - far); a <= bound(x + far); a++) {
    for (let k = buckets.starts[a * 256 + bound(y - far)]; k < buckets.starts[a * 256 + bound(y + far) + 1]; k++) {
      const i = buckets.inside[k], away = (map.x[i] - x) ** 2 + (map.y[i] - y) ** 2;
      if (away < least && shown[i]) { best = i; least = away; }
    }
  }
  return best;
}

function hover(i, px = 0, py = 0) {
  const tip = $("tip");
  $("stage").classList.toggle("over", i >= 0);
  if (i !== state.hover) { state.hover = i; redraw(); }
  tip.hidden = i < 0;
  if (i < 0) return;
  const field = map.fields[state.color], value = field && valueOf(field, i);
  tip.replaceChildren(make("span", {}, titleOf(i)), ...(value ? [make("small", {}, `${field.name}: ${value}`)] : []));
  const { width, height } = tip.getBoundingClientRect();
  tip.style.transform = `translate(${Math.max(4, Math.min(px + 14, view.width - width - 8))}px, ${py + height + 24 > view.height ? py - height - 12 : py + 16}px)`;
}

const titleOf = (i) => map.titles[i] || map.texts[i] || map.ids[i];

// --- a document ----------------------------------------------------------------------------------------------------

function choose(i, bring = false) {
  state.chosen = i;
  const card = $("card");
  card.hidden = i < 0;
  redraw();
  if (i < 0) return;
  if (bring) bringIntoView(i);
  const title = map.titles[i], link = map.links?.[i];
  const facts = map.fields.map((field) => [field.name, valueOf(field, i)]).filter(([, value]) => value);
  const links = [
    /^https?:\/\//.test(link ?? "") && make("a", { href: link, target: "_blank", rel: "noopener noreferrer" }, "Open the document"),
    served && make("a", { href: `../../#${new URLSearchParams({ c: served.collection, l: map.ids[i] })}` }, "More like it"),
  ].filter(Boolean);
  const near = neighborsOf(i);
  const text = make("p", { class: "text" }, map.texts[i]);
  card.replaceChildren(
    make("button", { class: "close", type: "button", "aria-label": "Close", onclick: () => { choose(-1); $("stage").focus(); } }, "×"),
    make("h2", {}, title || map.ids[i]), ...(title ? [make("p", { class: "id" }, map.ids[i])] : []), text,
    ...(facts.length ? [make("dl", {}, ...facts.flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, value)]))] : []),
    ...(links.length ? [make("p", { class: "links" }, ...links)] : []),
    ...(near.length ? [make("div", { class: "near" }, make("h3", {}, "Nearest by vector"), ...near.map((other) => make("button", { type: "button", onclick: () => choose(other, true) }, titleOf(other))))] : []),
  );
  card.scrollTop = 0;
  served?.whole(map.ids[i]).then((whole) => { if (state.chosen === i && whole) text.textContent = whole; }, () => {});
}

function bringIntoView(i) {
  const [px, py] = toScreen(i), phone = view.width <= 760;
  // near enough to tell it from its neighbors
  const apart = neighborsOf(i).map((near) => Math.hypot(map.x[near] - map.x[i], map.y[near] - map.y[i])).sort((a, b) => a - b);
  const wanted = Math.max(view.least * 5, Math.min(view.least * 40, 70 / Math.max(apart[apart.length >> 1] ?? 0, 1)));
  if (view.scale < wanted * 0.6) view.scale = wanted;
  else if (px > view.left + 60 && px < view.width - (phone ? 30 : 400) && py > view.top + 40 && py < view.height * (phone ? 0.5 : 0.9)) return redraw();
  view.x = map.x[i] - (phone ? 0 : (view.left - 350) / 2 / view.scale);
  view.y = map.y[i] + (phone ? view.height * 0.17 : 0) / view.scale;
  redraw();
}

// --- search --------------------------------------------------------------------------------------------------------

const folded = (text) => text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase();

function search() {
  const words = folded($("query").value).split(/\s+/).filter(Boolean);
  lower ??= map.ids.map((id, i) => folded(`${map.titles[i]} ${map.texts[i]} ${id}`));
  state.found = null;
  matches = [];
  state.current = -1;
  if (words.length) {
    // a match in the title comes first
    const inTitle = (i) => words.every((word) => folded(map.titles[i]).includes(word));
    for (let i = 0; i < map.documents; i++) if (words.every((word) => lower[i].includes(word))) matches.push(i);
    state.found = new Set(matches);
    if (matches.length <= 5000) matches = [...matches.filter(inTitle), ...matches.filter((i) => !inTitle(i))];
  }
  filter();
}

function listResults() {
  const list = $("results");
  list.hidden = !state.found;
  if (!state.found) return;
  const inside = matches.filter((i) => shown[i]);
  const most = 40;
  list.replaceChildren(
    ...inside.slice(0, most).map((i, place) => make("li", {}, make("button", { type: "button", class: place === state.current ? "current" : null, onclick: () => { state.current = place; choose(i, true); } }, titleOf(i), map.titles[i] ? make("small", {}, map.texts[i]) : null))),
    ...(inside.length > most ? [make("li", { class: "more" }, `${number(inside.length - most)} more on the map`)] : []),
    ...(inside.length ? [] : [make("li", { class: "more" }, state.found.size ? "None of those found is within the filters." : `Nothing found${map.characters && !served ? `: each text is searched in its first ${map.characters} characters` : ""}.`)]),
  );
}

function step(by) {
  const inside = matches.filter((i) => shown[i]);
  if (!inside.length) return;
  state.current = (state.current + by + inside.length) % inside.length;
  choose(inside[state.current], true);
  listResults();
}

// --- colors and ranges ---------------------------------------------------------------------------------------------

function legend() {
  const box = $("legend"), field = map.fields[state.color];
  box.replaceChildren();
  box.classList.toggle("chosen", state.values.size > 0);
  if (!field) return;
  if (field.kind === "category") {
    const few = PALETTES.light.length, most = state.wide ? 200 : view.width > 760 ? few + 2 : 6;
    field.values.slice(0, most).forEach((value, code) => {
      const button = make("button", { class: "value", type: "button", "aria-pressed": state.values.has(code), title: value, onclick: () => {
        if (!state.values.delete(code)) state.values.add(code);
        legend();
        filter();
        $("legend").querySelectorAll(".value")[code]?.focus();
      } }, make("i"), make("span", {}, value || "(empty)"), make("b", {}, number(field.counts[code])));
      button.style.setProperty("--swatch", code < few ? PALETTES[theme()][code] : OTHER[theme()]);
      box.append(button);
    });
    if (field.values.length > (view.width > 760 ? few + 2 : 6)) box.append(make("button", { class: "all", type: "button", onclick: () => { state.wide = !state.wide; legend(); } }, state.wide ? "Fewer values" : `All ${number(field.values.length)} values`));
    return;
  }
  const bar = make("canvas", { width: 256, height: 1, role: "img", "aria-label": "Color scale" }), context = bar.getContext("2d");
  for (let k = 0; k < 256; k++) { context.fillStyle = `rgb(${ramp(RAMPS[theme()], k / 255)})`; context.fillRect(k, 0, 1, 1); }
  const at = (share) => written(field, unscaled(field, share, field.colorLow, field.colorHigh));
  box.append(bar, make("div", { class: "ends" }, make("span", {}, (field.colorLow > field.low ? "≤ " : "") + at(0)), make("span", {}, at(0.5)), make("span", {}, (field.colorHigh < field.high ? "≥ " : "") + at(1))));
}

function bars() {
  const canvas = $("bars"), field = map.fields[state.range], bins = 48, counts = new Uint32Array(bins);
  for (const value of field.data) if (!Number.isNaN(value)) counts[Math.min(bins - 1, Math.floor(scaled(field, value, field.low, field.high) * bins))]++;
  const top = Math.max(...counts), context = canvas.getContext("2d");
  canvas.width = 268 * 2;
  canvas.height = 88;
  counts.forEach((count, k) => {
    const inside = (k + 1) / bins > state.low && k / bins < state.high, tall = count ? Math.max(3, 84 * Math.sqrt(count / top)) : 0;
    context.fillStyle = css(inside ? "--accent" : "--line");
    context.fillRect(18 + (k * 500) / bins, 88 - tall, 500 / bins - 2, tall);
  });
  const at = (share) => written(field, unscaled(field, share, field.low, field.high));
  $("low").textContent = at(state.low);
  $("high").textContent = at(state.high);
  $("from").setAttribute("aria-valuetext", at(state.low));
  $("to").setAttribute("aria-valuetext", at(state.high));
}

function setRange(low, high) {
  state.low = Math.max(0, Math.min(low, high));
  state.high = Math.min(1, Math.max(low, high));
  $("from").value = state.low * 240;
  $("to").value = state.high * 240;
  bars();
  filter();
}

function play() {
  clearInterval(playing);
  const button = $("play");
  if (playing) { playing = 0; button.textContent = "▶"; button.setAttribute("aria-label", "Play"); return; }
  button.textContent = "❚❚";
  button.setAttribute("aria-label", "Stop");
  let width = state.high - state.low;
  if (width > 0.6) { width = 0.15; setRange(0, width); }
  playing = setInterval(() => (state.high >= 1 ? setRange(0, width) : setRange(state.low + 0.0125, state.low + 0.0125 + width)), 120);
}

// --- pointers and keys ---------------------------------------------------------------------------------------------

function listen() {
  const stage = $("stage"), down = new Map();
  let moved = 0, apart = 0;
  stage.addEventListener("pointerdown", (event) => {
    stage.setPointerCapture(event.pointerId);
    down.set(event.pointerId, event);
    moved = down.size > 1 ? 99 : 0;
    apart = 0;
    hover(-1);
  });
  stage.addEventListener("pointermove", (event) => {
    const before = down.get(event.pointerId);
    if (!before) {
      if (event.pointerType === "mouse") hover(nearest(event.clientX, event.clientY, 9), event.clientX, event.clientY);
      return;
    }
    down.set(event.pointerId, event);
    const [one, other] = [...down.values()];
    const dx = event.clientX - before.clientX, dy = event.clientY - before.clientY;
    moved += Math.abs(dx) + Math.abs(dy);
    if (moved > 4) stage.classList.add("moving");
    if (other) {
      const now = Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY);
      if (apart) zoom(now / apart, (one.clientX + other.clientX) / 2, (one.clientY + other.clientY) / 2);
      apart = now;
      move(dx / 2, dy / 2);
    } else if (moved > 4) move(dx, dy);
  });
  const up = (event) => {
    if (!down.delete(event.pointerId)) return;
    stage.classList.remove("moving");
    if (event.type === "pointerup" && moved <= 4) choose(nearest(event.clientX, event.clientY, event.pointerType === "mouse" ? 9 : 22));
  };
  stage.addEventListener("pointerup", up);
  stage.addEventListener("pointercancel", up);
  stage.addEventListener("pointerleave", () => hover(-1));
  stage.addEventListener("wheel", (event) => { event.preventDefault(); hover(-1); zoom(Math.exp(-event.deltaY * (event.ctrlKey ? 0.01 : event.deltaMode ? 0.05 : 0.0016)), event.clientX, event.clientY); }, { passive: false });
  stage.addEventListener("dblclick", (event) => zoom(2, event.clientX, event.clientY));
  addEventListener("resize", resize);
  $("points").addEventListener("again", redraw);

  let timer = 0;
  $("query").addEventListener("input", () => { clearTimeout(timer); timer = setTimeout(search, 120); });
  $("color").addEventListener("change", () => { state.color = Number($("color").value); state.values.clear(); state.wide = false; legend(); paint(); filter(); });
  $("ranged").addEventListener("change", () => { state.range = Number($("ranged").value); setRange(0, 1); });
  for (const id of ["from", "to"]) $(id).addEventListener("input", () => setRange($("from").value / 240, $("to").value / 240));
  $("play").addEventListener("click", play);
  $("fold").addEventListener("click", () => { const folded = $("panel").classList.toggle("folded"); $("fold").setAttribute("aria-expanded", !folded); redraw(); });
  const press = (id, name) => { state[name] = !state[name]; $(id).setAttribute("aria-pressed", state[name]); redraw(); };
  const turn = () => { document.documentElement.dataset.theme = theme() === "dark" ? "light" : "dark"; remembered.set("theme", theme()); legend(); paint(); if (state.range >= 0) bars(); };
  const actions = { in: () => zoom(1.6), out: () => zoom(1 / 1.6), fit, contours: () => press("contours", "contours"), labels: () => press("labels", "labels"), theme: turn, ask: () => $("help").showModal() };
  for (const [id, action] of Object.entries(actions)) $(id).addEventListener("click", action);

  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const field = event.target.matches("input, select");
    if (event.key === "Escape") {
      event.preventDefault();  // a browser would clear the field without a word
      if (state.chosen >= 0) choose(-1);
      else if (state.found) { $("query").value = ""; search(); }
      if (field) event.target.blur();
      return;
    }
    if (event.target === $("query") && event.key === "Enter") { clearTimeout(timer); return served ? served.byMeaning($("query").value).then(foundByMeaning, wrong) : (search(), step(1)); }
    if (field) return;
    const keys = {
      "/": () => { $("query").focus(); $("query").select(); }, "?": actions.ask, "+": actions.in, "=": actions.in, "-": actions.out, "−": actions.out, 0: fit,
      c: actions.contours, l: actions.labels, t: turn, n: () => step(1), p: () => step(-1),
      ArrowLeft: () => move(80, 0), ArrowRight: () => move(-80, 0), ArrowUp: () => move(0, 80), ArrowDown: () => move(0, -80),
    };
    if (keys[event.key]) { event.preventDefault(); keys[event.key](); }
  });
}

function foundByMeaning(ids) {
  const place = new Map(map.ids.map((id, i) => [id, i]));
  matches = ids.map((id) => place.get(id)).filter((i) => i !== undefined);
  state.found = new Set(matches);
  state.current = -1;
  filter();
}

// --- start ---------------------------------------------------------------------------------------------------------

let served = null;

function wrong(error) {
  const busy = $("busy");
  busy.hidden = false;
  busy.className = "wrong";
  busy.textContent = error.message;
}

// the category whose documents are spread most evenly over a few values, else the first field
function mostTelling(fields) {
  let best = fields.length ? 0 : -1, most = 0;
  fields.forEach(({ kind, counts, values, starts }, k) => {
    if (kind !== "category" || values.length > 200) return;
    const all = counts.reduce((a, b) => a + b, 0), single = starts.at(-1) <= map.documents;
    const entropy = -counts.reduce((sum, count) => sum + (count / all) * Math.log(count / all), 0);
    const worth = Math.min(entropy, 3) * (single ? 1 : 0.5);
    if (worth > most) { best = k; most = worth; }
  });
  return best;
}

function begin(found) {
  map = found;
  shown = new Uint8Array(map.documents).fill(255);
  paintable = new Uint8Array(4 * map.documents).fill(255);
  document.title = `${map.title}: a map`;
  $("title").textContent = map.title;
  points = pointsOn($("points"), map);
  document.body.dataset.engine = points.kind;
  hills = hillsOf(map);
  sortIntoBuckets();
  const option = (field, k) => make("option", { value: k }, field.name);
  state.color = mostTelling(map.fields);
  $("coloring").hidden = !map.fields.length;
  $("color").replaceChildren(make("option", { value: -1 }, "nothing"), ...map.fields.map(option));
  $("color").value = state.color;
  const ranged = map.fields.map((field, k) => [field, k]).filter(([field]) => field.kind !== "category");
  $("ranging").hidden = !ranged.length;
  $("ranged").replaceChildren(...ranged.map(([field, k]) => option(field, k)));
  const notes = [...map.notes, ...(map.characters ? [`Texts are cut at ${map.characters} characters.`] : ["Texts are left out, so that the page stays small."])];
  $("notes").hidden = false;
  $("notes").querySelector("ul").replaceChildren(...notes.map((note) => make("li", {}, note)));
  if (innerWidth <= 760) { $("panel").classList.add("folded"); $("fold").setAttribute("aria-expanded", "false"); }
  listen();
  resize();
  legend();
  paint();
  if (ranged.length) {
    const time = ranged.find(([field]) => field.kind === "date") ?? ranged.find(([field]) => field.year) ?? ranged[0];
    state.range = time[1];
    $("ranged").value = state.range;
    setRange(0, 1);
  } else filter();
  $("busy").hidden = true;
  document.body.dataset.ready = "";
}

// a server's page has no data in it: they come from the collection in the address
function fromServer() {
  const collection = new URLSearchParams(location.hash.slice(1)).get("c") ?? "", key = sessionStorage.getItem("key");
  const at = (rest) => `../../collections/${encodeURIComponent(collection)}${rest}`;
  const ask = async (path, body) => {
    const answer = await fetch(path, { method: body ? "POST" : "GET", headers: { ...(body && { "Content-Type": "application/json" }), ...(key && { Authorization: `Bearer ${key}` }) }, body: body && JSON.stringify(body) });
    if (answer.ok) return answer;
    const said = await answer.json().catch(() => ({}));
    if (said.error?.code === "drawing") { // it goes on where a request has waited for as long as the server lets it
      await new Promise((go) => setTimeout(go, 1000 * Number(answer.headers.get("Retry-After") ?? 5)));
      return ask(path, body);
    }
    throw new Error(answer.status === 401 ? "This server needs a key: give it on the start page first." : said.error?.message ?? `The server answered ${answer.status}.`);
  };
  served = {
    collection,
    whole: async (id) => (await (await ask(at(`/document?id=${encodeURIComponent(id)}`))).json()).text,
    byMeaning: async (query) => (await (await ask(at("/search"), { query, k: 100 })).json()).hits.map(({ id }) => id),
  };
  $("busy").textContent = `Drawing the map of ${collection}… 60,000 documents take about 15 seconds the first time.`;
  return ask(at("/map")).then((answer) => answer.arrayBuffer());
}

async function start() {
  document.documentElement.dataset.theme = remembered.get("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  try {
    const data = $("data");
    begin(await unpack(data ? Uint8Array.from(atob(data.textContent), (c) => c.charCodeAt(0)) : await fromServer()));
  } catch (error) {
    wrong(error);
  }
}

start();
