/* sweep_page.js: the list of questions, each with its own trace, and the values behind all figures (sweep_page.c).
 *
 * `#report` says what the stores are; #rows-S and #traces-S-C hold the questions, packed as question_list.h says. All texts come
 * from outside: they go into the page as text alone. */
(function () {
  "use strict";
  const report = JSON.parse(document.getElementById("report").textContent);
  const tip = document.getElementById("tip"), spoken = document.getElementById("spoken");
  const svgNames = "http://www.w3.org/2000/svg";
  const by = id => document.getElementById(id);

  /* ---- unpacking ---- */

  /* RFC 1951 behind a header of zlib's (RFC 1950), for browsers without DecompressionStream: a bit at a time. */
  function inflate(bytes) {
    const lengths = [3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258];
    const lengthBits = [0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0];
    const distances = [1, 2, 3, 4, 5, 7, 9, 13, 17, 25, 33, 49, 65, 97, 129, 193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145,
      8193, 12289, 16385, 24577];
    let at = 2, held = 0, count = 0, size = 0, out = new Uint8Array(bytes.length * 6 + 1024);
    const bits = n => {
      while (count < n) { held |= bytes[at++] << count; count += 8; }
      const value = held & ((1 << n) - 1);
      held >>>= n; count -= n;
      return value;
    };
    const put = byte => {
      if (size === out.length) { const more = new Uint8Array(2 * size); more.set(out); out = more; }
      out[size++] = byte;
    };
    const codeOf = sizes => {
      const counts = new Uint16Array(16), starts = new Uint16Array(16), symbols = new Uint16Array(sizes.length);
      sizes.forEach(s => counts[s]++);
      counts[0] = 0;
      for (let i = 1; i < 16; i++) starts[i] = starts[i - 1] + counts[i - 1];
      sizes.forEach((s, symbol) => { if (s) symbols[starts[s]++] = symbol; });
      return { counts, symbols };
    };
    const symbol = code => {
      let value = 0, first = 0, index = 0;
      for (let n = 1; n < 16; n++) {
        value |= bits(1);
        const here = code.counts[n];
        if (value - here < first) return code.symbols[index + value - first];
        index += here; first = (first + here) << 1; value <<= 1;
      }
      throw new Error("not deflated");
    };
    const run = (literals, far) => {
      for (let s; (s = symbol(literals)) !== 256;) {
        if (s < 256) { put(s); continue; }
        const length = lengths[s - 257] + bits(lengthBits[s - 257]), d = symbol(far);
        const back = distances[d] + bits(d < 2 ? 0 : (d >> 1) - 1);
        for (let i = 0; i < length; i++) put(out[size - back]);
      }
    };
    const fixed = () => [codeOf(Array.from({ length: 288 }, (_, i) => i < 144 ? 8 : i < 256 ? 9 : i < 280 ? 7 : 8)), codeOf(Array(30).fill(5))];
    const dynamic = () => {
      const literals = bits(5) + 257, far = bits(5) + 1, given = bits(4) + 4, sizes = Array(19).fill(0), all = [];
      [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15].slice(0, given).forEach(i => { sizes[i] = bits(3); });
      const code = codeOf(sizes);
      while (all.length < literals + far) {
        const s = symbol(code);
        const [value, times] = s < 16 ? [s, 1] : s === 16 ? [all[all.length - 1], 3 + bits(2)] : s === 17 ? [0, 3 + bits(3)] : [0, 11 + bits(7)];
        for (let i = 0; i < times; i++) all.push(value);
      }
      return [codeOf(all.slice(0, literals)), codeOf(all.slice(literals))];
    };
    for (let last = 0; !last;) {
      last = bits(1);
      const kind = bits(2);
      if (kind === 0) {
        held = count = 0;
        const n = bytes[at] | bytes[at + 1] << 8;
        at += 4;
        for (let i = 0; i < n; i++) put(bytes[at++]);
      } else {
        run(...(kind === 1 ? fixed() : dynamic()));
      }
    }
    return out.subarray(0, size);
  }

  async function unpack(id) {
    const element = by(id);
    if (!element) return null;
    const bytes = Uint8Array.from(atob(element.textContent), c => c.charCodeAt(0));
    if (typeof DecompressionStream !== "function") return inflate(bytes);
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    return new Uint8Array(await new Response(stream).arrayBuffer());
  }

  /* The parts of each question of a chunk: {name, first, layers, rows, value(row, layer)}. */
  const chunks = new Map();
  async function chunkOf(store, chunk) {
    const id = "traces-" + store + "-" + chunk;
    if (!chunks.has(id)) chunks.set(id, unpack(id).then(readChunk));
    return chunks.get(id);
  }
  function readChunk(bytes) {
    if (!bytes) return null;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const json = view.getUint32(0, true), ranges = view.getUint32(4, true);
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + json)));
    let range = 8 + json, at = range + ranges;
    return head.of.map(kinds => kinds.map(k => {
      const [name, first, layers, rows, unit] = head.kinds[k];
      const end = () => {
        range += unit ? 2 : 4;
        return unit ? view.getUint16(range - 2, true) / 65535 : view.getFloat32(range - 4, true);
      };
      const low = end(), high = end(), from = at;
      at += rows.length * layers;
      return partOf(name, first, layers, rows, low, high, bytes, from);
    }));
  }
  function partOf(name, first, layers, rows, low, high, bytes, from) {
    const values = new Float64Array(rows.length * layers);
    for (let r = 0; r < rows.length; r++)
      for (let l = 0, q = 0; l < layers; l++) {
        q = l ? (q + bytes[from + r * layers + l]) & 255 : bytes[from + r * layers];
        values[r * layers + l] = q === 255 ? NaN : low + (high - low) * q / report.levels;
      }
    return { name, first, layers, rows, value: (r, l) => values[r * layers + l] };
  }

  /* ---- words ---- */

  const minus = text => text.replace("-", "\u2212");
  function number(value) {
    if (value === null || value === undefined || !isFinite(value)) return "none";
    const size = Math.abs(value);
    if (size === 0) return "0";
    return minus(size < 0.001 ? value.toExponential(1) : size < 0.0995 ? value.toFixed(4) : size < 1000 ? value.toFixed(3) : value.toPrecision(4));
  }
  const percent = share => isFinite(share) ? minus((100 * share).toFixed(Math.abs(share) < 0.0995 ? 1 : 0)) + " %" : "not defined";
  function element(name, text, kind) {
    const e = document.createElement(name);
    if (text !== undefined) e.textContent = text;
    if (kind) e.className = kind;
    return e;
  }
  function shape(name, attributes, text) {
    const e = document.createElementNS(svgNames, name);
    for (const key in attributes) e.setAttribute(key, attributes[key]);
    if (text !== undefined) e.textContent = text;
    return e;
  }

  /* ---- the tip ---- */

  function showTip(text, x, y) {
    tip.textContent = text;
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, x + 18 + w > innerWidth ? x - w - 14 : x + 18) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - h - 6)) + "px";
  }
  function hideTip() { tip.hidden = true; }

  /* ---- the figures: what has a <title> tells it at once, and to the arrow keys ---- */

  const told = new WeakMap();
  function noteOf(target) {
    if (told.has(target)) return told.get(target);
    const title = target.querySelector && target.querySelector(":scope > title");
    if (!title || target.tagName === "svg") return null;
    told.set(target, title.textContent);
    title.remove(); /* the browser would show it too, later */
    return told.get(target);
  }
  function center(e) {
    const b = e.getBoundingClientRect();
    return [b.x + b.width / 2, b.y + b.height / 2];
  }
  const directions = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  /* The nearest of the marks in that direction, what lies aside counting thrice. */
  function neighbour(marks, from, [dx, dy]) {
    const [x, y] = center(from);
    let best = null, least = Infinity;
    for (const mark of marks) {
      const [mx, my] = center(mark), along = (mx - x) * dx + (my - y) * dy, aside = Math.abs((mx - x) * dy) + Math.abs((my - y) * dx);
      if (mark !== from && along > 0.5 && along + 3 * aside < least) {
        least = along + 3 * aside;
        best = mark;
      }
    }
    return best;
  }
  for (const svg of document.querySelectorAll(".charts svg")) {
    let marks = null, here = null;
    const mark = e => {
      if (here) here.classList.remove("here-mark");
      here = e;
      if (here) here.classList.add("here-mark");
    };
    svg.addEventListener("pointermove", event => {
      const note = noteOf(event.target);
      if (note) showTip(note, event.clientX, event.clientY);
      else hideTip();
    });
    svg.addEventListener("pointerleave", hideTip);
    svg.addEventListener("blur", () => { mark(null); hideTip(); });
    svg.addEventListener("keydown", event => {
      if (event.key === "Escape") { mark(null); hideTip(); }
      const direction = directions[event.key];
      if (!direction) return;
      event.preventDefault();
      marks = marks || Array.from(svg.querySelectorAll("*")).filter(e => noteOf(e));
      if (!marks.length) return;
      mark(here ? neighbour(marks, here, direction) || here : marks[0]);
      const note = noteOf(here), [x, y] = center(here);
      showTip(note, x, y);
      spoken.textContent = note;
    });
  }

  /* ---- a question's charts ---- */

  /* Lets a reader point at places of a chart, or walk over them: place = [row, layer]. */
  function readable(svg, placeAt, step, boxOf, textOf) {
    let here = null;
    const outline = [shape("rect", { class: "halo" }), shape("rect", { class: "here" })];
    const show = (place, x, y) => {
      outline.forEach(e => e.remove());
      here = place;
      if (!place) return hideTip();
      const b = boxOf(place);
      outline.forEach(e => {
        for (const key in b) e.setAttribute(key, b[key]);
        svg.append(e);
      });
      if (x === undefined) {
        const p = new DOMPoint(b.x + b.width, b.y + b.height / 2).matrixTransform(svg.getScreenCTM());
        [x, y] = [p.x, p.y];
        spoken.textContent = textOf(place);
      }
      showTip(textOf(place), x, y);
    };
    svg.setAttribute("tabindex", "0");
    svg.addEventListener("pointermove", event => {
      const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(svg.getScreenCTM().inverse());
      show(placeAt(p.x, p.y), event.clientX, event.clientY);
    });
    svg.addEventListener("pointerleave", () => show(null));
    svg.addEventListener("blur", () => show(null));
    svg.addEventListener("keydown", event => {
      if (event.key === "Escape") show(null);
      if (!directions[event.key]) return;
      event.preventDefault();
      show(here ? step(here, directions[event.key]) : [0, 0]);
    });
  }
  const clamp = (value, n) => Math.max(0, Math.min(n - 1, value));
  const nameOf = row => Array.isArray(row) ? row[0] : row;
  const spanOf = row => Array.isArray(row) && row[1] && row[1] !== "text" ? " (" + row[1] + ")" : "";

  function titleOf(part) {
    const [site, measure] = part.name.split("/"), known = report.stores[state.store].titles[site];
    const names = { logprob: "log P(answer)", logit_diff: "logit difference" };
    return [(known ? known[0] : site) + (names[measure] ? ": " + names[measure] : ""), known ? known[1] : "purples"];
  }
  function layerTicks(svg, part, left, top, width, height) {
    const column = width / part.layers, step = [1, 2, 5, 10, 20, 50].find(s => s * column >= 24) || 100;
    for (let l = (step - part.first % step) % step; l < part.layers; l += step)
      svg.append(shape("text", { class: "soft", x: left + (l + 0.5) * column, y: top + height + 14, "font-size": 11, "text-anchor": "middle" }, part.first + l));
    svg.append(shape("text", { class: "soft", x: left + width / 2, y: top + height + 28, "font-size": 11, "text-anchor": "middle" }, "layer"));
  }

  /* Where between no effect and all of it, as the other maps of traces have it. */
  function scaleOf(part, clean, corrupted, denoise) {
    const shares = v => denoise ? (v - corrupted) / (clean - corrupted) : (clean - v) / (clean - corrupted);
    const own = !/\/prob$/.test(part.name) || !isFinite(clean) || !isFinite(corrupted) || clean === corrupted;
    let low = Infinity, high = -Infinity, most = 0.05;
    for (let r = 0; r < part.rows.length; r++)
      for (let l = 0; l < part.layers; l++) {
        const v = part.value(r, l);
        if (!isFinite(v)) continue;
        low = Math.min(low, v);
        high = Math.max(high, v);
        if (!own) most = Math.max(most, shares(v));
      }
    most = Math.min(1, most);
    return { share: own ? v => (v - low) / (high - low || 1) : v => shares(v) / most, recovered: own ? null : shares };
  }
  function cellText(part, place, scale, corrupted, denoise) {
    const [r, l] = place, v = part.value(r, l), row = part.rows[r];
    let text = nameOf(row) + spanOf(row) + "\nlayer " + (part.first + l) + ": " + number(v);
    if (scale.recovered && isFinite(v))
      text += "\n" + (denoise ? "recovered " : "lost ") + percent(scale.recovered(v));
    return text;
  }
  function drawMap(part, row) {
    const [title, palette] = titleOf(part), denoise = report.stores[state.store].direction !== "noise";
    const n = part.rows.length, height = n <= 60 ? 18 : Math.max(2, 400 / n), labels = Math.ceil(12 / height), top = 24;
    const longest = Math.max(...part.rows.map(r => Math.min(20, nameOf(r).length))), left = 16 + 7 * Math.max(4, longest);
    const width = Math.max(160, Math.min(300, 13 * part.layers)), column = width / part.layers;
    const svg = shape("svg", { width: left + width + 8, height: top + n * height + 34, class: palette, role: "img",
      viewBox: "0 0 " + (left + width + 8) + " " + (top + n * height + 34), "aria-label": title + ": arrow keys read its values" });
    const scale = scaleOf(part, row.clean, row.corrupted, denoise), paths = new Map();
    for (let r = 0; r < n; r++)
      for (let l = 0; l < part.layers; l++) {
        const v = part.value(r, l), q = isFinite(v) ? "q" + Math.round(63 * Math.max(0, Math.min(1, scale.share(v)))) : "qn";
        const cell = "M" + (left + l * column).toFixed(2) + " " + (top + r * height).toFixed(2) + "h" + column.toFixed(2) + "v" + height.toFixed(2) +
          "h" + (-column).toFixed(2) + "z";
        paths.set(q, (paths.get(q) || "") + cell);
      }
    svg.append(shape("text", { class: "ink", x: left, y: 14, "font-size": 13, "font-weight": "bold" }, title));
    for (const [q, d] of paths) svg.append(shape("path", { class: q, d, "shape-rendering": "crispEdges" }));
    svg.append(shape("rect", { class: "line", x: left, y: top, width, height: n * height }));
    part.rows.forEach((name, r) => {
      if (r % labels) return;
      const text = nameOf(name) + (/^constraint/.test(Array.isArray(name) ? name[1] : "") ? "*" : "");
      svg.append(shape("text", { class: "ink", x: left - 5, y: top + (r + 0.5) * height + 4, "font-size": 11.5, "text-anchor": "end" },
        text.length > 20 ? text.slice(0, 19) + "\u2026" : text));
    });
    layerTicks(svg, part, left, top, width, n * height);
    readable(svg,
      (x, y) => {
        const r = Math.floor((y - top) / height), l = Math.floor((x - left) / column);
        return r >= 0 && r < n && l >= 0 && l < part.layers ? [r, l] : null;
      },
      ([r, l], [dx, dy]) => [clamp(r + dy, n), clamp(l + dx, part.layers)],
      ([r, l]) => ({ x: left + l * column, y: top + r * height, width: column, height }),
      place => cellText(part, place, scale, row.corrupted, denoise));
    return svg;
  }

  function ticksOf(low, high) {
    const raw = (high - low) / 4, power = Math.pow(10, Math.floor(Math.log10(raw))), share = raw / power;
    const step = power * (share < 1.5 ? 1 : share < 3.5 ? 2 : share < 7.5 ? 5 : 10), list = [];
    for (let k = Math.ceil(low / step - 1e-9); k * step <= high + step * 1e-9; k++) list.push(+(k * step).toPrecision(12));
    return list;
  }
  /* Curves of one measure, one a pair: lines = [[name, part, row], ...]. */
  function drawCurves(title, lines) {
    const left = 48, top = 24, width = 330, height = 130, part = lines[0][1];
    const svg = shape("svg", { width: left + width + 14, height: top + height + 34, viewBox: "0 0 " + (left + width + 14) + " " + (top + height + 34),
      role: "img", "aria-label": title + ": arrow keys read its values" });
    let low = 0, high = 0;
    for (const [, p, r] of lines)
      for (let l = 0; l < p.layers; l++)
        if (isFinite(p.value(r, l))) { low = Math.min(low, p.value(r, l)); high = Math.max(high, p.value(r, l)); }
    if (!(high > low)) high = low + 1;
    const column = width / part.layers, x = l => left + (l + 0.5) * column, y = v => top + height * (1 - (v - low) / (high - low));
    svg.append(shape("text", { class: "ink", x: left, y: 14, "font-size": 13, "font-weight": "bold" }, title));
    for (const v of ticksOf(low, high)) {
      svg.append(shape("path", { class: "grid", d: "M" + left + " " + y(v) + "h" + width }));
      svg.append(shape("text", { class: "soft", x: left - 5, y: y(v) + 4, "font-size": 11, "text-anchor": "end" }, minus(String(v))));
    }
    lines.forEach(([, p, r], i) => {
      let d = "", begun = false;
      for (let l = 0; l < p.layers; l++) {
        const v = p.value(r, l);
        if (isFinite(v)) d += (begun ? "L" : "M") + x(l).toFixed(1) + " " + y(v).toFixed(1);
        begun = isFinite(v);
      }
      svg.append(shape("path", { class: "curve k" + (i + 1) % 7, d }));
    });
    layerTicks(svg, part, left, top, width, height);
    readable(svg,
      (px, py) => px >= left && px < left + width && py >= top && py < top + height ? [0, Math.floor((px - left) / column)] : null,
      ([, l], [dx]) => [0, clamp(l + dx, part.layers)],
      ([, l]) => ({ x: left + l * column, y: top, width: column, height }),
      ([, l]) => "layer " + (part.first + l) + lines.map(([name, p, r]) => "\n" + name + ": " + number(p.value(r, l))).join(""));
    return svg;
  }
  function key(names) {
    const p = element("p", undefined, "key");
    names.forEach((name, i) => {
      const entry = element("span");
      entry.append(element("i", undefined, "i" + (i + 1) % 7), name);
      p.append(entry);
    });
    return p;
  }

  function drawTrace(parts, row) {
    const box = element("div");
    const main = parts.filter(p => /\/prob$/.test(p.name) && !/^head_out:/.test(p.name)), rest = parts.filter(p => !main.includes(p));
    main.forEach(p => box.append(drawMap(p, row)));
    if (rest.length) {
      const more = element("details");
      more.append(element("summary", "Log probabilities, single heads and the like"));
      more.addEventListener("toggle", () => {
        if (more.childElementCount === 1) rest.forEach(p => more.append(drawMap(p, row)));
      });
      box.append(more);
    }
    return box;
  }
  function drawPairs(parts) {
    const box = element("div"), measures = new Map();
    for (const p of parts)
      p.rows.forEach((name, r) => {
        if (!measures.has(name)) measures.set(name, []);
        measures.get(name).push([titleOf(p)[0], p, r]);
      });
    for (const [name, lines] of measures) {
      box.append(drawCurves({ sum_norm: "sum of norms", norm_sum: "norm of the sum", prob: "P(answer)", relative: "relative", share: "share",
        logprob: "log P(answer)" }[name] || name, lines));
      if (lines.length > 1) box.append(key(lines.map(l => l[0])));
    }
    return box;
  }

  /* ---- one question ---- */

  function fact(list, name, value) {
    if (value === null || value === undefined || value === "") return;
    list.append(element("dt", name));
    const dd = element("dd", value);
    dd.dir = "auto";
    list.append(dd);
  }
  function factsOf(i) {
    const c = state.columns, list = element("dl"), right = c.right[i];
    fact(list, "id", c.id[i]);
    fact(list, "subject", c.subject[i]);
    fact(list, "relation", c.relation[i]);
    fact(list, "source", c.source[i]);
    fact(list, "picture", c.image[i]);
    fact(list, "status", c.status[i] + (c.reason[i] ? ": " + c.reason[i] : ""));
    fact(list, "answer", c.answer[i] === null ? null : c.answer[i] + (right === null ? "" : right ? " (right)" : " (wrong)"));
    fact(list, "accepted", c.accepted[i]);
    if (c.clean[i] !== null) fact(list, "P(answer)", number(c.clean[i]));
    if (c.corrupted[i] !== null) fact(list, "corrupted", number(c.corrupted[i]) + (c.instead[i] ? ", and the model says " + c.instead[i] : ""));
    const values = c.values[i];
    for (let k = 0; k + 1 < values.length; k += 2) fact(list, c.valueNames[values[k]].replaceAll("_", " "), number(values[k + 1]));
    return list;
  }
  async function open(i) {
    const c = state.columns, store = state.store, one = by("one"), head = element("h3", c.question[i] === null ? c.id[i] : c.question[i]);
    state.open = i;
    draw();
    head.dir = "auto";
    one.replaceChildren(head, factsOf(i));
    try { history.replaceState(null, "", "#q=" + encodeURIComponent(c.id[i])); } catch (e) { /* a page that may not */ }
    const chunk = await chunkOf(store, Math.floor(i / report.chunk)), parts = chunk && chunk[i % report.chunk];
    if (state.open !== i || state.store !== store) return;
    if (!parts || !parts.length)
      one.append(element("p", c.status[i] === "done" ? "Its trace is not in this page: the store has it." : "It has no trace.", "note"));
    else
      one.append(report.stores[store].method === "trace" ? drawTrace(parts, { clean: c.clean[i], corrupted: c.corrupted[i] }) : drawPairs(parts));
    one.dataset.question = c.id[i];
  }

  /* ---- the list ---- */

  const rows = by("rows"), sheet = by("sheet"), rowHeight = 32;
  const state = { store: 0, columns: null, order: [], at: -1, open: -1, sort: null, down: false };
  const shown = ["id", "question", "subject", "relation", "status", "answer", "right", "clean", "corrupted"];

  function rowElement(k) {
    const c = state.columns, i = state.order[k], e = element("div", undefined, "row");
    e.id = "row-" + k;
    e.setAttribute("role", "row");
    e.setAttribute("aria-rowindex", k + 2);
    e.setAttribute("aria-selected", i === state.open);
    e.style.top = k * rowHeight + "px";
    if (k === state.at) e.classList.add("at");
    if (i === state.open) e.classList.add("open");
    for (const column of shown) {
      const v = c[column][i], s = element("span", v === null ? "" : v);
      s.setAttribute("role", "gridcell");
      s.className = "c-" + column;
      s.dir = "auto";
      if (column === "right") {
        s.textContent = v === null ? "" : v ? "\u2713" : "\u2717";
        s.title = v === null ? "not known" : v ? "right" : "wrong";
        s.classList.add(v ? "yes" : "no");
      } else if (column === "clean" || column === "corrupted") {
        s.textContent = v === null ? "" : v.toFixed(3);
        s.classList.add("n");
      } else {
        s.title = v === null ? "" : v;
      }
      e.append(s);
    }
    return e;
  }
  function draw() {
    const first = Math.max(0, Math.floor(rows.scrollTop / rowHeight) - 6);
    const end = Math.min(state.order.length, Math.ceil((rows.scrollTop + rows.clientHeight) / rowHeight) + 6), list = [];
    for (let k = first; k < end; k++) list.push(rowElement(k));
    sheet.style.height = state.order.length * rowHeight + "px";
    sheet.replaceChildren(...list);
    rows.parentElement.setAttribute("aria-rowcount", state.order.length + 1);
    if (state.at >= 0) rows.setAttribute("aria-activedescendant", "row-" + state.at);
    else rows.removeAttribute("aria-activedescendant");
  }
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  function compare(column) {
    const values = state.columns[column];
    return (a, b) => {
      const x = values[a], y = values[b];
      if (x === null || y === null) return (x === null) - (y === null); /* what there is none of comes last */
      const order = typeof x === "number" ? x - y : collator.compare(x, y);
      return (state.down ? -order : order) || a - b;
    };
  }
  function filter() {
    const c = state.columns, words = by("find").value.toLowerCase().split(/\s+/).filter(Boolean);
    const status = by("status").value, right = by("right").value, relation = by("relation").value, order = [];
    for (let i = 0; i < c.id.length; i++)
      if ((!status || c.status[i] === status) && (!relation || c.relation[i] === relation) &&
          (!right || (right === "-" ? c.right[i] === null : c.right[i] === +right)) && words.every(w => c.hay[i].includes(w)))
        order.push(i);
    if (state.sort) order.sort(compare(state.sort));
    state.order = order;
    state.at = order.indexOf(state.open);
    rows.scrollTop = state.at < 0 ? 0 : Math.max(0, state.at * rowHeight - rows.clientHeight / 2);
    by("found").textContent = order.length.toLocaleString("en") + " of " + c.id.length.toLocaleString("en");
    draw();
  }
  function fillSelect(id, values) {
    const select = by(id), any = select.options[0];
    select.replaceChildren(any);
    for (const v of Array.from(new Set(values)).filter(v => v !== null).sort(collator.compare)) {
      const option = element("option", v);
      option.value = v;
      select.append(option);
    }
    select.parentElement.hidden = select.options.length < 2;
    select.value = "";
  }
  async function load(store) {
    const bytes = await unpack("rows-" + store), c = JSON.parse(new TextDecoder().decode(bytes));
    c.hay = c.id.map((id, i) => [id, c.question[i], c.subject[i], c.relation[i], c.answer[i], c.accepted[i]].filter(t => t !== null).join("\n").toLowerCase());
    const kept = state.columns && state.open >= 0 ? state.columns.id[state.open] : null;
    Object.assign(state, { store, columns: c, open: -1, at: -1 });
    fillSelect("status", c.status);
    fillSelect("relation", c.relation);
    filter();
    document.documentElement.dataset.ready = "1";
    return kept;
  }
  function openId(id) {
    const i = state.columns.id.indexOf(id);
    if (i < 0) return;
    state.open = i;
    filter();
    open(i);
  }
  function move(to) {
    state.at = clamp(to, state.order.length);
    const y = state.at * rowHeight;
    if (y < rows.scrollTop) rows.scrollTop = y;
    if (y + rowHeight > rows.scrollTop + rows.clientHeight) rows.scrollTop = y + rowHeight - rows.clientHeight;
    draw();
  }

  rows.addEventListener("scroll", () => requestAnimationFrame(draw), { passive: true });
  rows.addEventListener("click", event => {
    const row = event.target.closest(".row");
    if (!row) return;
    state.at = +row.id.slice(4);
    open(state.order[state.at]);
  });
  rows.addEventListener("keydown", event => {
    const page = Math.floor(rows.clientHeight / rowHeight) - 1;
    const to = { ArrowDown: state.at + 1, ArrowUp: state.at - 1, PageDown: state.at + page, PageUp: state.at - page, Home: 0, End: state.order.length - 1 }[event.key];
    if (to !== undefined && state.order.length) {
      event.preventDefault();
      move(to);
    } else if ((event.key === "Enter" || event.key === " ") && state.at >= 0) {
      event.preventDefault();
      open(state.order[state.at]);
    }
  });
  document.querySelector(".finder").addEventListener("submit", event => event.preventDefault());
  let soon = 0;
  by("find").addEventListener("input", () => { clearTimeout(soon); soon = setTimeout(filter, 60); });
  for (const id of ["status", "right", "relation"]) by(id).addEventListener("change", filter);
  if (by("store"))
    by("store").addEventListener("change", async () => {
      const id = await load(+by("store").value);
      by("one").replaceChildren();
      if (id !== null) openId(id);
    });
  for (const head of document.querySelectorAll(".head button"))
    head.addEventListener("click", () => {
      const column = head.dataset.column;
      if (state.sort === column && state.down) state.sort = null; /* the data set's order again */
      else { state.down = state.sort === column; state.sort = column; }
      document.querySelectorAll(".head button").forEach(b => b.removeAttribute("aria-sort"));
      if (state.sort) head.setAttribute("aria-sort", state.down ? "descending" : "ascending");
      filter();
    });
  addEventListener("resize", () => state.columns && draw());
  load(0).then(() => {
    const wanted = /^#q=(.*)$/.exec(location.hash);
    if (wanted) openId(decodeURIComponent(wanted[1]));
  });
})();
