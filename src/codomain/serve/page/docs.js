// The routes of the server, drawn from /openapi.json; what that holds is only ever set as text.

const $ = (id) => document.getElementById(id);

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) if (value != null) element.setAttribute(name, value);
  element.append(...children.filter((child) => child != null));
  return element;
}

async function description(key) {
  const answer = await fetch("openapi.json", { headers: key ? { Authorization: `Bearer ${key}` } : {} });
  if (answer.ok) return answer.json();
  if (answer.status !== 401) throw new Error(`The server answered ${answer.status}.`);
  const given = await askForKey(Boolean(key));
  if (!given) throw new Error("The server needs a key.");
  sessionStorage.setItem("key", given);
  return description(given);
}

function askForKey(wrong) {
  const dialog = $("ask-key");
  $("key-error").hidden = !wrong;
  return new Promise((resolve) => {
    dialog.addEventListener("close", () => {
      resolve(dialog.returnValue === "ok" ? $("key").value.trim() : "");
      $("key").value = "";
    }, { once: true });
    dialog.showModal();
  });
}

// --- schemas -------------------------------------------------------------------------------------------------------

let schemas = {};
const named = (schema) => (schema?.$ref ? schemas[schema.$ref.split("/").pop()] : schema) ?? {};

function kind(schema) {
  const found = named(schema);
  const several = found.anyOf ?? found.oneOf;
  if (several) return several.map(kind).join(" or ");
  if (found.enum) return found.enum.map((value) => JSON.stringify(value)).join(" or ");
  if ("const" in found) return JSON.stringify(found.const);
  if (found.type === "array") return `list of ${kind(found.items)}`;
  return [found.type ?? "anything"].flat().join(" or ");
}

function bounds(schema) {
  const found = named(schema);
  const said = [];
  if (found.minimum !== undefined) said.push(`from ${found.minimum}`);
  if (found.maximum !== undefined) said.push(`to ${found.maximum}`);
  if (found.default != null && found.default !== "") said.push(`else ${JSON.stringify(found.default)}`);
  return said.join(" ");
}

function example(schema, depth = 0) {
  const found = named(schema);
  if (found.anyOf) return example(found.anyOf[0], depth);
  if (found.enum) return found.enum[0];
  if (found.type === "array") return depth > 3 ? [] : [example(found.items, depth + 1)];
  if (found.type === "object" || found.properties) {
    const needed = found.required ?? [];
    return Object.fromEntries(Object.entries(found.properties ?? {}).filter(([name]) => needed.includes(name)).map(([name, one]) => [name, example(one, depth + 1)]));
  }
  return { string: "text", integer: 1, number: 1, boolean: false }[found.type] ?? null;
}

// --- drawing -------------------------------------------------------------------------------------------------------

function table(rows) {
  return make("table", {}, make("tbody", {}, ...rows.map((cells) => make("tr", {}, ...cells.map((cell) => make("td", {}, cell))))));
}

function route(path, method, operation) {
  const body = named(operation.requestBody?.content?.["application/json"]?.schema);
  const needed = body.required ?? [];
  const parts = [];
  if (operation.parameters?.length) {
    parts.push(make("h3", {}, "Parameters"), table(operation.parameters.map(({ name, required, schema, description: said, in: place }) =>
      [name, `${kind(schema)}${required || place === "path" ? ", needed" : ""}`, [said, bounds(schema)].filter(Boolean).join("; ")])));
  }
  if (body.properties) {
    parts.push(make("h3", {}, "Body"), make("pre", {}, JSON.stringify(example(body), null, 2)),
      table(Object.entries(body.properties).map(([name, one]) => [name, `${kind(one)}${needed.includes(name) ? ", needed" : ""}`, bounds(one)])));
  }
  const answers = Object.entries(operation.responses ?? {});
  parts.push(make("h3", {}, "Answers"), table(answers.map(([status, { description: said }]) => [status, said === "Successful Response" ? "the answer" : said])));
  const refused = answers.map(([status, { content }]) => status >= "400" && content?.["application/json"]?.schema).find(Boolean);
  if (refused) parts.push(make("h3", {}, "A refusal"), make("pre", {}, JSON.stringify(example(refused))));
  const text = operation.description ?? operation.summary ?? "";
  const [first, ...rest] = text.split("\n");
  const drawn = make("details", { class: "route" },
    make("summary", {}, make("span", { class: "method" }, method.toUpperCase()), make("code", {}, path), make("span", {}, first)),
    make("div", { class: "inside" }, rest.join(" ").trim() ? make("p", {}, rest.join(" ").trim()) : null, ...parts));
  drawn.dataset.words = [path, method, text, ...Object.keys(body.properties ?? {}), ...(operation.parameters ?? []).map((one) => one.name)].join(" ").toLowerCase();
  return drawn;
}

function draw(found) {
  schemas = found.components?.schemas ?? {};
  const groups = new Map();
  for (const [path, methods] of Object.entries(found.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      const group = operation.tags?.[0] ?? "other";
      groups.set(group, [...(groups.get(group) ?? []), route(path, method, operation)]);
    }
  }
  for (const [group, routes] of groups) {
    const id = `group-${group.toLowerCase().replace(/\W/g, "-")}`;
    $("groups").append(make("a", { href: `#${id}` }, group));
    $("routes").append(make("section", {}, make("h2", { id }, group), ...routes));
  }
  $("status").textContent = `${document.querySelectorAll(".route").length} routes, version ${found.info.version}`;
}

function find() {
  const words = $("query").value.toLowerCase().split(/\s+/).filter(Boolean);
  for (const one of document.querySelectorAll(".route")) one.hidden = !words.every((word) => one.dataset.words.includes(word));
  for (const group of document.querySelectorAll("#routes section")) group.hidden = !group.querySelector(".route:not([hidden])");
  const shown = document.querySelectorAll(".route:not([hidden])");
  $("status").textContent = `${shown.length} ${shown.length === 1 ? "route" : "routes"}`;
}

function start() {
  const root = document.documentElement;
  root.dataset.theme = localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  $("theme").addEventListener("click", () => localStorage.setItem("theme", (root.dataset.theme = root.dataset.theme === "dark" ? "light" : "dark")));
  $("search").addEventListener("submit", (event) => event.preventDefault());
  $("query").addEventListener("input", find);
  addEventListener("keydown", (event) => {
    if (event.key !== "/" || event.target.matches("input")) return;
    event.preventDefault();
    $("query").focus();
  });
  description(sessionStorage.getItem("key")).then(draw, (error) => { $("status").replaceChildren(make("span", { class: "error" }, error.message)); });
}

start();
