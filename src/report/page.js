/* page.js: the values behind the heat maps of a trace's page, under the pointer or the arrow keys.
 *
 * The maps are drawn without this script. `#data` holds what they were drawn from:
 *   answer, direction, clean, corrupted; layers[L]; rows[R] = [label, first position, positions, span];
 *   y[R] = [top, height] in a map; sites[] = {title, restored[L], prob[L][R], logprob[L][R], sd?, logit_diff?}.
 * Of estimates there are also `unpatched` (logprob) and sites[].estimate[L][R]; what is not exact is null. */
(function () {
  "use strict";
  const data = JSON.parse(document.getElementById("data").textContent);
  const tip = document.getElementById("tip"), spoken = document.getElementById("spoken");
  const maps = Array.from(document.querySelectorAll("svg[data-site]"));
  const svgNames = "http://www.w3.org/2000/svg";
  const denoise = data.direction === "denoise", total = data.clean - data.corrupted;
  let here = null; // {site, layer, row}

  const minus = text => text.replace("-", "\u2212");
  function number(value) {
    if (value === null) return "no value";
    const size = Math.abs(value);
    if (size === 0) return "0";
    return minus(size < 0.001 ? value.toExponential(1) : value.toFixed(size < 0.0995 ? 4 : 3));
  }
  function percent(value) {
    return isFinite(value) ? minus((100 * value).toFixed(Math.abs(value) < 0.0995 ? 1 : 0)) + " %" : "not defined";
  }

  function where(row) {
    const [, first, count, span] = data.rows[row];
    if (count > 1) return count + " positions from " + first;
    return "position " + first + (span ? ", " + span : "");
  }
  function facts(at) {
    const site = data.sites[at.site], prob = site.prob[at.layer][at.row], restored = site.restored[at.layer];
    const span = restored[0] === restored[1] ? "" :
      " (" + (denoise ? "restored " : "corrupted ") + restored[0] + "\u2013" + restored[1] + ")";
    const list = [["layer", data.layers[at.layer] + span]];
    if (site.estimate) {
      const estimate = site.estimate[at.layer][at.row], exact = site.logprob[at.layer][at.row];
      list.push(["log p, estimated", number(estimate)], ["by how much it changes", number(estimate - data.unpatched)]);
      if (exact === null) return list.concat([["exact value", "not computed"]]);
      list.push(["exactly", number(exact - data.unpatched)]);
    }
    list.push(["p(" + data.answer + ")", number(prob)]);
    if (prob !== null) {
      const ie = denoise ? prob - data.corrupted : data.clean - prob;
      list.push([denoise ? "IE: above corrupted" : "IE: below clean", number(ie)]);
      list.push([denoise ? "recovered" : "lost", percent(ie / total)]);
    }
    if (site.sd) list.push(["sd over samples", number(site.sd[at.layer][at.row])]);
    if (site.logit_diff) list.push(["logit difference", number(site.logit_diff[at.layer][at.row])]);
    list.push(["log p", number(site.logprob[at.layer][at.row])]);
    return list;
  }

  function element(name, text) {
    const e = document.createElement(name);
    e.textContent = text;
    return e;
  }
  function fillTip(at) {
    const table = document.createElement("table"), head = element("b", data.rows[at.row][0]);
    for (const [name, value] of facts(at)) {
      const tr = table.insertRow();
      tr.append(element("td", name), element("td", value));
    }
    const place = element("div", where(at.row));
    place.style.color = "var(--soft)";
    tip.replaceChildren(head, place, table);
  }
  function placeTip(x, y) {
    tip.hidden = false;
    const w = tip.offsetWidth, h = tip.offsetHeight;
    tip.style.left = Math.max(4, x + 18 + w > innerWidth ? x - w - 14 : x + 18) + "px";
    tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - h - 6)) + "px";
  }

  function box(map) {
    return { x: +map.dataset.x, y: +map.dataset.y, column: +map.dataset.width / data.layers.length };
  }
  function outline(map, at) {
    map.querySelectorAll(".here, .halo").forEach(e => e.remove());
    if (!at) return;
    const b = box(map), [top, height] = data.y[at.row];
    for (const kind of ["halo", "here"]) {
      const r = document.createElementNS(svgNames, "rect");
      r.setAttribute("class", kind);
      r.setAttribute("x", b.x + at.layer * b.column);
      r.setAttribute("y", b.y + top - (height < 3 ? 1.5 : 0));
      r.setAttribute("width", b.column);
      r.setAttribute("height", Math.max(height, 3));
      map.append(r);
    }
  }
  function show(at) {
    here = at;
    maps.forEach(map => outline(map, at)); // the same cell in every map
    if (at) fillTip(at);
    else tip.hidden = true;
  }

  function cellAt(map, event) {
    const p = new DOMPoint(event.clientX, event.clientY).matrixTransform(map.getScreenCTM().inverse()), b = box(map);
    const layer = Math.floor((p.x - b.x) / b.column), y = p.y - b.y;
    const row = data.y.findIndex(([top, height]) => y >= top && y < top + height);
    return layer >= 0 && layer < data.layers.length && row >= 0 ? { site: +map.dataset.site, layer, row } : null;
  }
  const steps = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
  function onKey(map, event) {
    const step = steps[event.key], site = +map.dataset.site;
    if (event.key === "Escape") show(null);
    if (!step) return;
    event.preventDefault();
    const from = here && here.site === site ? here : { layer: 0, row: 0 }, clamp = (v, n) => Math.max(0, Math.min(n - 1, v));
    const moved = here && here.site === site ? step : [0, 0];
    const at = { site, layer: clamp(from.layer + moved[0], data.layers.length), row: clamp(from.row + moved[1], data.rows.length) };
    show(at);
    const b = box(map), m = map.getScreenCTM(), [top, height] = data.y[at.row];
    const p = new DOMPoint(b.x + (at.layer + 1) * b.column, b.y + top + height / 2).matrixTransform(m);
    placeTip(p.x, p.y);
    spoken.textContent = data.rows[at.row][0] + ", " + where(at.row) + ": " + facts(at).map(f => f.join(" ")).join(", ");
  }
  for (const map of maps) {
    map.addEventListener("pointermove", event => {
      const at = cellAt(map, event);
      show(at);
      if (at) placeTip(event.clientX, event.clientY);
    });
    map.addEventListener("pointerleave", () => show(null));
    map.addEventListener("keydown", event => onKey(map, event));
    map.addEventListener("blur", () => show(null));
  }
})();
