"use strict";
// The first screen: the slider chooses among the ranked tables, the legend toggles curves, a list chooses the plot.
// Plots are Bokeh's, drawn from the JSON in this page; names in them are data, never markup.
(function () {
  const place = document.getElementById("plots"), data = place === null ? null : JSON.parse(place.textContent);
  const slider = document.getElementById("at"), chosenView = document.getElementById("view");
  const setUp = document.getElementById("set-up");
  const dark = window.matchMedia("(prefers-color-scheme: dark)"), paper = window.matchMedia("print");
  const hidden = new Set(), drawn = {};
  const buttons = Array.from(document.querySelectorAll(".legend [data-curve]"));

  function isShown(curve) {
    const group = setUp === null || setUp.value === "" ? null : Number(setUp.value);
    return !hidden.has(curve) && (group === null || data.curves[curve].groups.includes(group));
  }

  function columns(view, curve) {
    const one = data.curves[curve], points = view.points[curve] || [];
    return {
      x: points.map((point) => data.stand[point[0]] + data.beside[curve]), y: points.map((point) => point[1]),
      low: points.map((point) => point[2]), high: points.map((point) => point[3]),
      name: points.map(() => one.name), set_up: points.map(() => one.set_up),
      at: points.map((point) => data.at[point[0]]), value: points.map((point) => point[4]),
      settings: points.map((point) => one.settings[point[0]] || "none"),
    };
  }

  function paint(plot) {
    const night = dark.matches && !paper.matches;
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(name).trim();
    const text = night ? colour("--text") : "#1b1f24", line = night ? colour("--line") : "#cfd6dd";
    plot.setv({ background_fill_color: null, border_fill_color: null });
    for (const axis of [...plot.below, ...plot.left]) {
      axis.setv({ axis_label_text_color: text, major_label_text_color: text, axis_line_color: text, major_tick_line_color: text });
    }
    for (const grid of plot.center) if (grid.type === "Grid") grid.grid_line_color = line;
    for (const renderer of plot.renderers) {
      const one = data.curves[Number(renderer.name.split("-")[0])], shade = night ? one.dark : one.light;
      renderer.glyph.line_color = { value: shade };
      if (renderer.name.endsWith("-marks") && !one.lossy) renderer.glyph.fill_color = { value: shade };
    }
    for (const each of plot.center) if (each.type === "Span") each.line_color = text;
  }

  function draw() {
    const view = data.views[Number(chosenView.value)], plot = drawn[view.scale];
    for (const scale of Object.keys(drawn)) document.getElementById("plot-" + scale).hidden = scale !== view.scale;
    plot.left[0].axis_label = view.label;
    for (const each of plot.center) {
      if (each.name === "baseline") each.visible = view.ratio;
      if (each.name === "at" && slider !== null) each.location = data.stand[Number(slider.value)];
    }
    for (const renderer of plot.renderers) {
      const curve = Number(renderer.name.split("-")[0]);
      if (renderer.name.endsWith("-marks")) renderer.data_source.data = columns(view, curve);
      renderer.visible = isShown(curve);
    }
    plot.y_range.renderers = plot.renderers.filter((each) => each.visible);
  }

  function choose() { // what is seen besides the plot
    const at = slider === null ? null : Number(slider.value);
    for (const table of document.querySelectorAll(".ranked")) {
      if (at !== null) table.hidden = Number(table.dataset.at) !== at;
      for (const group of table.querySelectorAll(".group")) {
        group.hidden = setUp !== null && setUp.value !== "" && group.dataset.group !== setUp.value;
      }
    }
    if (slider !== null) {
      const caption = document.querySelector('.ranked[data-at="' + at + '"]').dataset.value;
      document.getElementById("at-value").textContent = caption;
      slider.setAttribute("aria-valuetext", caption);
    }
    for (const button of buttons) {
      const curve = Number(button.dataset.curve);
      button.setAttribute("aria-pressed", String(!hidden.has(curve)));
      button.hidden = data !== null && setUp !== null && setUp.value !== "" && !data.curves[curve].groups.includes(Number(setUp.value));
    }
    document.body.classList.toggle("one-set-up", setUp !== null && setUp.value !== "");
    if (Object.keys(drawn).length) draw();
  }

  function follow() { // `#at=2` opens the page at the third value
    const asked = /^#at=(\d+)$/.exec(location.hash);
    if (asked && slider !== null) slider.value = asked[1];
    const part = location.hash.length > 1 && document.getElementById(location.hash.slice(1))?.closest("details.part");
    if (part) part.open = true;
    choose();
  }

  for (const part of document.querySelectorAll(".needs-script")) part.hidden = false;
  for (const button of buttons) {
    const curve = Number(button.dataset.curve);
    button.addEventListener("click", () => {
      if (hidden.has(curve)) hidden.delete(curve); else hidden.add(curve);
      choose();
    });
  }
  for (const all of document.querySelectorAll(".legend .all")) all.addEventListener("click", () => { hidden.clear(); choose(); });
  if (slider !== null) slider.addEventListener("input", () => {
    history.replaceState(null, "", "#at=" + slider.value);
    choose();
  });
  for (const list of [setUp, chosenView]) if (list !== null) list.addEventListener("change", choose);
  follow();
  window.addEventListener("hashchange", follow);

  const closed = [];
  window.addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details.part:not([open])")) { part.open = true; closed.push(part); }
  });
  window.addEventListener("afterprint", () => { while (closed.length) closed.pop().open = false; });

  if (data === null || typeof Bokeh === "undefined") return;
  const still = document.querySelector(".still"), figures = document.getElementById("figures-part");
  if (still !== null && figures !== null) figures.querySelector("summary").after(still);
  Promise.all(Object.entries(data.templates).map(async ([scale, item]) => {
    document.getElementById("plot-" + scale).hidden = false;
    const views = await Bokeh.embed.embed_item(item, "plot-" + scale);
    drawn[scale] = Array.from(views)[0].model;
  })).then(() => {
    const repaint = () => Object.values(drawn).forEach(paint);
    repaint();
    dark.addEventListener("change", repaint);
    paper.addEventListener("change", repaint);
    draw();
    document.body.dataset.drawn = "yes";
  });
})();
