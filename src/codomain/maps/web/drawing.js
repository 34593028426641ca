// Points by WebGL, or on a plain canvas without it; hills and words on canvases below and above.
"use strict";

const SIZE = 65535;
const PALETTES = {
  light: ["#0072b2", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#a89a00", "#6a51a3"],
  dark: ["#4fa3e0", "#f2b134", "#2cc295", "#e7a1cb", "#ff7f4d", "#9adcff", "#f0e442", "#b39dff"],
};
const RAMPS = {
  light: ["#8fd744", "#22a884", "#2a788e", "#414487", "#440154"],
  dark: ["#4a5a9e", "#2a788e", "#22a884", "#7ad151", "#fde725"],
};
const PLAIN = { light: "#4353ff", dark: "#8f9aff" };
const OTHER = { light: "#9aa1ad", dark: "#6d7585" };

const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));

function ramp(colors, share) {
  const at = Math.max(0, Math.min(1, share)) * (colors.length - 1), low = Math.min(Math.floor(at), colors.length - 2), part = at - low;
  const a = rgb(colors[low]), b = rgb(colors[low + 1]);
  return a.map((value, k) => Math.round(value + part * (b[k] - value)));
}

const VERTEX = `
attribute vec2 place; attribute vec4 color; uniform vec4 view; uniform float drawn; uniform mediump float size;
varying vec3 paint;
void main() {
  paint = drawn > .5 ? color.rgb : vec3(.58);
  vec2 at = (place * 65535. - view.xy) * view.zw;
  gl_Position = abs(color.a - drawn) < .2 ? vec4(at.x, -at.y, 0., 1.) : vec4(9., 9., 9., 1.);
  gl_PointSize = size;
}`;
const FRAGMENT = `
precision mediump float; varying vec3 paint; uniform mediump float size; uniform float alpha;
void main() {
  float away = length(gl_PointCoord - .5) * size, edge = size * .5;
  float cover = alpha * (1. - smoothstep(edge - 1., edge, away));
  gl_FragColor = vec4(paint * cover, cover);
}`;

// what draws points: `paint(colors)` takes four bytes a point, the last 255 for one that is shown; `draw(view)`
function pointsOn(canvas, map) {
  const gl = canvas.getContext("webgl", { alpha: true, antialias: false, premultipliedAlpha: true, preserveDrawingBuffer: true });
  return gl ? withWebGL(canvas, gl, map) : onCanvas(canvas, map);
}

function withWebGL(canvas, gl, map) {
  let program, buffer, place, color;
  const uniform = {};
  const start = () => {
    program = gl.createProgram();
    for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
      const shader = gl.createShader(kind);
      gl.shaderSource(shader, source);
      gl.compileShader(shader);
      gl.attachShader(program, shader);
    }
    gl.linkProgram(program);
    gl.useProgram(program);
    for (const name of ["view", "size", "drawn", "alpha"]) uniform[name] = gl.getUniformLocation(program, name);
    const both = new Uint16Array(2 * map.documents);
    for (let i = 0; i < map.documents; i++) { both[2 * i] = map.x[i]; both[2 * i + 1] = map.y[i]; }
    place = gl.getAttribLocation(program, "place");
    color = gl.getAttribLocation(program, "color");
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, both, gl.STATIC_DRAW);
    gl.enableVertexAttribArray(place);
    gl.vertexAttribPointer(place, 2, gl.UNSIGNED_SHORT, true, 0, 0);
    buffer = gl.createBuffer();
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.enableVertexAttribArray(color);
    gl.vertexAttribPointer(color, 4, gl.UNSIGNED_BYTE, true, 0, 0);
    gl.enable(gl.BLEND);
    gl.blendFunc(gl.ONE, gl.ONE_MINUS_SRC_ALPHA);
  };
  start();
  let last = null;
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => { start(); if (last) paint(last); canvas.dispatchEvent(new Event("again")); });
  const paint = (colors) => {
    last = colors;
    gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
    gl.bufferData(gl.ARRAY_BUFFER, colors, gl.DYNAMIC_DRAW);
  };
  const draw = (view) => {
    gl.viewport(0, 0, canvas.width, canvas.height);
    gl.clearColor(0, 0, 0, 0);
    gl.clear(gl.COLOR_BUFFER_BIT);
    const { x, y, scale, width, height, ratio } = view;
    gl.uniform4f(uniform.view, x, y, (2 * scale) / width, (2 * scale) / height);
    for (const [drawn, size, alpha] of [[0, view.size * 0.7, view.filtered ? 0.045 : 0], [1, view.size, view.alpha]]) {
      gl.uniform1f(uniform.drawn, drawn);
      gl.uniform1f(uniform.size, size * ratio + 1);
      gl.uniform1f(uniform.alpha, alpha);
      if (alpha) gl.drawArrays(gl.POINTS, 0, map.documents);
    }
  };
  return { kind: "webgl", paint, draw };
}

function onCanvas(canvas, map) {
  const context = canvas.getContext("2d");
  let colors;
  const paint = (given) => { colors = given; };
  const draw = ({ x, y, scale, width, height, ratio, size, alpha, filtered }) => {
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    for (const shown of [0, 255]) {
      if (!shown && !filtered) continue;
      const side = Math.max(1.2, size * (shown ? 0.85 : 0.6));
      context.globalAlpha = shown ? alpha : 0.07;
      for (let i = 0, last = ""; i < map.documents; i++) {
        if (colors[4 * i + 3] !== shown) continue;
        const px = (map.x[i] - x) * scale + width / 2, py = (map.y[i] - y) * scale + height / 2;
        if (px < -side || py < -side || px > width + side || py > height + side) continue;
        const fill = !shown ? "#949494" : `rgb(${colors[4 * i]},${colors[4 * i + 1]},${colors[4 * i + 2]})`;
        if (fill !== last) context.fillStyle = last = fill;
        context.fillRect(px - side / 2, py - side / 2, side, side);
      }
    }
  };
  return { kind: "canvas", paint, draw };
}

// hills: one path a level, in units of the map
function hillsOf(map) {
  const levels = [40, 68, 98, 130, 162, 194, 226];
  return levels.map((threshold) => {
    const path = new Path2D();
    for (const ring of rings(map.density, map.cells, threshold * 257)) {
      ring.forEach(([a, b], k) => (k ? path.lineTo(a, b) : path.moveTo(a, b)));
      path.closePath();
    }
    return path;
  });
}

function drawHills(canvas, hills, view, color) {
  const context = canvas.getContext("2d");
  const { x, y, scale, width, height, ratio } = view;
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  if (!hills) return;
  const side = SIZE * scale;
  context.setTransform(side * ratio, 0, 0, side * ratio, (width / 2 - x * scale) * ratio, (height / 2 - y * scale) * ratio);
  context.lineWidth = 0.8 / side;
  const faint = Math.max(0.3, Math.min(1, Math.sqrt((1.5 * view.least) / scale)));  // near by they would only tint everything
  for (const path of hills) {
    context.fillStyle = context.strokeStyle = color;
    context.globalAlpha = 0.045 * faint;
    context.fill(path, "evenodd");
    context.globalAlpha = 0.16;
    context.stroke(path);
  }
  context.globalAlpha = 1;
}

// the level whose tiles are about this wide on the screen
const levelFor = (scale, deepest) => Math.max(1, Math.min(deepest, Math.floor(Math.log2((SIZE * scale) / 92))));

function drawLabels(context, map, view, shown, colors, taken) {
  const { words, x, y, level, documents, of } = map.labels;
  const deepest = level.length ? level[level.length - 1] : 1;
  const wanted = levelFor(view.scale, deepest);
  const first = level.indexOf(wanted);
  context.textAlign = "center";
  context.lineJoin = "round";
  const said = [];
  for (let i = first; i >= 0 && i < level.length && level[i] === wanted; i++) {
    const px = (x[i] - view.x) * view.scale + view.width / 2, py = (y[i] - view.y) * view.scale + view.height / 2;
    if (px < -60 || py < -20 || px > view.width + 60 || py > view.height + 20) continue;
    if (shown && !shown.get((x[i] >> (16 - wanted)) * (1 << wanted) + (y[i] >> (16 - wanted)))) continue;
    const large = Math.max(11.5, Math.min(17, 9 + 1.3 * Math.log2(1 + (documents[i] / documents[first]) * 40)));
    const [one, ...more] = of[i].map((word) => words[word]);
    const rest = more.slice(0, 2).join(" · ");
    context.font = `640 ${large}px system-ui, sans-serif`;
    const wide = context.measureText(one).width;
    const small = Math.max(10, large * 0.7), below = py + 0.72 * small + 4.5;
    const bold = context.font, soft = `450 ${small}px system-ui, sans-serif`;
    context.font = soft;
    const box = { left: px - Math.max(wide, rest ? context.measureText(rest).width : 0) / 2 - 5, top: py - large - 3 };
    box.right = 2 * px - box.left;
    box.bottom = rest ? below + 5 : py + 4;
    if (taken.some((other) => box.left < other.right && box.right > other.left && box.top < other.bottom && box.bottom > other.top)) continue;
    // the same word nearby says nothing more
    if (said.some(([word, a, b]) => word === one && Math.hypot(a - px, b - py) < 160)) continue;
    taken.push(box);
    said.push([one, px, py]);
    context.strokeStyle = colors.halo;
    context.lineWidth = 4;
    // both halos before both texts: neither covers the other's letters
    const lines = [[one, bold, colors.ink, py], ...(rest ? [[rest, soft, colors.soft, below]] : [])];
    for (const [text, font, , at] of lines) { context.font = font; context.strokeText(text, px, at); }
    for (const [text, font, ink, at] of lines) { context.font = font; context.fillStyle = ink; context.fillText(text, px, at); }
  }
  return said.length;
}
