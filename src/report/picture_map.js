/* picture_map.js: moves the heat maps over a picture from layer to layer, and tells the values under the pointer.
 *
 * Each figure holds its data: layers[L] (empty: none), shown, levels, word (what a row is called), first (position of
 * image row 0, or null), from, to, kinds[R] (0 pixels, 1 padding, 2 class), values[L][R]. */
(function () {
  "use strict";
  const tip = document.createElement("div");
  tip.className = "pm-tip";
  tip.hidden = true;
  tip.setAttribute("role", "status");
  document.body.append(tip);

  const number = v => v === null ? "no value" : v === 0 ? "0" : (Math.abs(v) < 0.001 || Math.abs(v) >= 1e5 ?
    v.toExponential(1) : String(+v.toPrecision(3))).replace("-", "\u2212");

  function setUp(figure) {
    const data = JSON.parse(figure.querySelector("script").textContent), svg = figure.querySelector("svg.pm");
    const slider = figure.querySelector("input"), output = figure.querySelector("output"), elsewhere = figure.querySelector(".pm-else");
    const cells = Array.from(svg.querySelectorAll("path[data-row]")), rows = cells.map(c => +c.dataset.row);
    let layer = data.shown, here = -1; // index into cells

    const level = v => {
      const share = data.to === data.from ? 0 : (v - data.from) / (data.to - data.from);
      return Math.round(Math.min(1, Math.max(0, share)) * (data.levels - 1));
    };
    function paint() {
      const values = data.values[layer];
      cells.forEach((cell, i) => {
        const v = values[rows[i]];
        cell.setAttribute("class", (v === null ? "qx" : "q" + level(v)) + (i === here ? " pm-here" : ""));
      });
      if (output) output.textContent = data.layers[layer];
      elsewhere.textContent = [[2, "class"], [1, "padding"]].map(([kind, name]) => words(kind, name)).filter(t => t).join("; ");
    }
    function words(kind, name) {
      const found = data.values[layer].filter((v, i) => data.kinds[i] === kind), known = found.filter(v => v !== null);
      if (!known.length) return "";
      const least = Math.min(...known), most = Math.max(...known);
      return found.length + " " + name + (found.length === 1 ? " row: " : " rows: ") + number(least) +
        (least < most ? " to " + number(most) : "");
    }
    function tell(x, y) {
      const row = rows[here], value = data.values[layer][row];
      tip.textContent = data.word + " " + row + (data.first === null ? "" : " (position " + (data.first + row) + ")") +
        (data.layers.length ? ", layer " + data.layers[layer] : "") + ": " + figure.dataset.scale + " " + number(value);
      tip.hidden = false;
      tip.style.left = Math.max(4, Math.min(x + 16, innerWidth - tip.offsetWidth - 6)) + "px";
      tip.style.top = Math.max(4, Math.min(y + 14, innerHeight - tip.offsetHeight - 6)) + "px";
    }
    function point(i, x, y) {
      here = i;
      paint();
      if (i < 0) tip.hidden = true;
      else tell(x, y);
    }
    function onKey(event) {
      const step = { ArrowLeft: -1, ArrowRight: 1, ArrowUp: -2, ArrowDown: 2 }[event.key];
      if (event.key === "Escape") point(-1);
      if (!step || !cells.length) return;
      event.preventDefault();
      let i = here < 0 ? 0 : here;
      if (here >= 0 && Math.abs(step) === 1) i = Math.max(0, Math.min(cells.length - 1, here + step));
      if (here >= 0 && Math.abs(step) === 2) i = beside(here, step / 2);
      const b = cells[i].getBoundingClientRect();
      point(i, b.right, b.bottom);
    }
    // The next cell below (1) or above (-1) with the same left edge.
    function beside(from, way) {
      const left = cells[from].getBBox().x;
      for (let i = from + way; i >= 0 && i < cells.length; i += way)
        if (Math.abs(cells[i].getBBox().x - left) < 0.5) return i;
      return from;
    }
    svg.addEventListener("pointermove", e => point(cells.indexOf(e.target), e.clientX, e.clientY));
    svg.addEventListener("pointerleave", () => point(-1));
    svg.addEventListener("blur", () => point(-1));
    svg.addEventListener("keydown", onKey);
    if (slider) {
      slider.disabled = false;
      slider.addEventListener("input", () => { layer = +slider.value; paint(); });
    }
  }
  document.querySelectorAll("figure[data-picture-map]").forEach(setUp);
})();
