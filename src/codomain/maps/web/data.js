// A map's bytes to arrays: see codomain/maps/packing.py for the format.
"use strict";

async function unpack(bytes) {
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  const buffer = await new Response(stream).arrayBuffer();
  const length = new DataView(buffer).getUint32(buffer.byteLength - 4, true);
  const text = new TextDecoder();
  const map = JSON.parse(text.decode(new Uint8Array(buffer, buffer.byteLength - 4 - length, length)));
  const types = { uint8: Uint8Array, uint16: Uint16Array, uint32: Uint32Array, float32: Float32Array, float64: Float64Array };
  let at = 0;
  for (const entry of map.arrays) {
    const part = buffer.slice(at, at + entry.length);
    at += entry.length;
    if (entry.type === "json") map[entry.name] = JSON.parse(text.decode(part));
    else map[entry.name] = new types[entry.type](entry.form === "plain" ? part : woven(new Uint8Array(part), types[entry.type].BYTES_PER_ELEMENT));
    // differences of neighbors: the array wraps around as they did
    if (entry.form === "delta") for (let i = 1, all = map[entry.name]; i < all.length; i++) all[i] += all[i - 1];
  }
  map.neighbors = [0, 1, 2, 3].filter((k) => map[`neighbor${k}`]).map((k) => places(map[`neighbor${k}`]));
  map.fields.forEach((field, number) => prepare(field, map[`field${number}`], map[`many${number}`], map.documents));
  return map;
}

// the lowest bytes of all numbers, then the next ones, as bytes of one number after the other
function woven(planes, width) {
  const n = planes.length / width, found = new Uint8Array(planes.length);
  for (let k = 0; k < width; k++) for (let i = 0; i < n; i++) found[i * width + k] = planes[k * n + i];
  return found.buffer;
}

// distances along the curve, signs in the lowest bit, as numbers of documents
const places = (codes) => Int32Array.from(codes, (code, i) => i + (code % 2 ? -(code + 1) / 2 : code / 2));

// numbers: sorted values for scales; categories: where the codes of each document begin, and counts
function prepare(field, data, many, n) {
  field.data = data;
  if (field.kind !== "category") {
    const sorted = data.filter((value) => !Number.isNaN(value)).sort();
    const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
    field.log = field.kind === "number" && sorted[0] >= 0 && at(0.95) > 20 * Math.max(at(0.5), 1e-9);
    field.low = sorted[0];
    field.high = sorted[sorted.length - 1];
    field.colorLow = field.log ? at(0.02) : at(0.01);
    field.colorHigh = at(0.98) > field.colorLow ? at(0.98) : field.high;
    field.whole = field.kind === "number" && sorted.every(Number.isInteger);
    field.year = field.whole && field.low >= 1000 && field.high <= 2200;
    return;
  }
  field.starts = new Uint32Array(n + 1);
  field.counts = new Uint32Array(field.values.length);
  for (let i = 0; i < n; i++) field.starts[i + 1] = field.starts[i] + many[i];
  for (const code of data) field.counts[code]++;
}

function valueOf(field, i) {
  if (field.kind !== "category") return Number.isNaN(field.data[i]) ? "" : written(field, field.data[i], true);
  return Array.from(field.data.subarray(field.starts[i], field.starts[i + 1]), (code) => field.values[code]).join(", ");
}

// a value as people write it; on a scale four digits do
function written(field, value, exact = false) {
  if (field.kind === "date") {
    const time = new Date(Math.round(value * 86400) * 1000).toISOString();
    return Number.isInteger(value) ? time.slice(0, 10) : time.slice(0, 16).replace("T", " ");
  }
  if (field.year) return String(Math.round(value));
  if (field.whole) return Math.round(value).toLocaleString("en");
  return value.toLocaleString("en", { maximumSignificantDigits: exact ? 12 : 4 });
}

// 0 at a field's low end, 1 at its high end
function scaled(field, value, low, high) {
  const f = field.log ? (x) => Math.log1p(Math.max(x, 0)) : (x) => x;
  return (f(value) - f(low)) / (f(high) - f(low) || 1);
}

function unscaled(field, share, low, high) {
  if (!field.log) return low + share * (high - low);
  return Math.expm1(Math.log1p(low) + share * (Math.log1p(high) - Math.log1p(low)));
}

// closed lines of equal density around what is above a threshold, in units of the whole map
function rings(grid, cells, threshold) {
  const at = (i, j) => (i < 0 || j < 0 || i >= cells || j >= cells ? 0 : grid[i * cells + j]);
  const next = new Map();
  const place = (i, j, k, l) => {
    const a = at(i, j), b = at(k, l), t = (threshold - a) / (b - a);
    return [(i + t * (k - i) + 0.5) / cells, (j + t * (l - j) + 0.5) / cells];
  };
  for (let i = -1; i < cells; i++) {
    for (let j = -1; j < cells; j++) {
      const corners = [[i, j], [i + 1, j], [i + 1, j + 1], [i, j + 1]];
      const inside = corners.map(([a, b]) => at(a, b) >= threshold);
      for (let side = 0; side < 4; side++) {
        // a line leaves a cell where its border goes from inside to outside, and enters where it goes from outside to inside
        if (inside[side] || !inside[(side + 1) % 4]) continue;
        let out = side;
        do out = (out + 1) % 4; while (!(inside[out] && !inside[(out + 1) % 4]));
        const key = (s) => { const [a, b] = [corners[s], corners[(s + 1) % 4]].sort((p, q) => p[0] - q[0] || p[1] - q[1]); return `${a}:${b}`; };
        next.set(key(side), [key(out), place(...corners[side], ...corners[(side + 1) % 4])]);
      }
    }
  }
  const found = [];
  while (next.size) {
    const ring = [];
    let [key] = next.keys();
    while (next.has(key)) { const [following, point] = next.get(key); next.delete(key); ring.push(point); key = following; }
    found.push(ring);
  }
  return found;
}
