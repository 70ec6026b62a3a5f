"use strict";
(() => {
const table = JSON.parse(document.getElementById("table").textContent);
const byId = (id) => document.getElementById(id);
const still = matchMedia("(prefers-reduced-motion: reduce)");
const last = table.values.length - 1;

// Everything that is written goes through text nodes and attributes: a name is never markup.
function filled(made, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}
const el = (tag, attributes = {}, ...children) => filled(document.createElement(tag), attributes, children);
const draw = (tag, attributes = {}, ...children) =>
  filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
const colour = (name) => {
  const [light, dark] = table.looks[name].colours;
  return `--on-light:${light};--on-dark:${dark}`;
};

// Schemes of a group whose numbers are the same everywhere are one line and one bar.
const merged = table.groups.map((_, group) => {
  const found = new Map();
  for (const each of table.schemes.filter((one) => one.group === group)) {
    const key = JSON.stringify([each.role, each.mean, each.ratio, each.low, each.high]);
    if (found.has(key)) found.get(key).names.push(table.looks[each.scheme].name);
    else found.set(key, { ...each, names: [table.looks[each.scheme].name] });
  }
  return [...found.values()];
});
const value = (at) => table.values[at].replaceAll(" ", "\u00a0");
const listed = (names) => names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} or ${names.at(-1)}`;
const where = (group) => Object.values(table.groups[group]).join(", ");
const stops = table.groups.map((_, group) => table.values.map((_, at) => at).filter((at) => best(group, at)));
// A group with a single value has no slider; it is a row of the table of other cases.
const wide = table.groups.map((_, group) => group).filter((group) => stops[group].length > 1);
const shown = wide.length ? wide : table.groups.map((_, group) => group).filter((group) => stops[group].length);

function against(curve, at) {
  const ratio = curve.ratio[at], low = curve.low[at], high = curve.high[at];
  if (ratio === null) return null;
  const side = low === null || table.seeds < 4 ? "few" : high < 1 ? "yes" : low > 1 ? "no" : "even";
  return { curve, ratio, low, high, side };
}
function lowest(group, at, role) {
  const found = merged[group].filter((each) => each.role === role).map((each) => against(each, at)).filter(Boolean);
  return found.sort((one, other) => one.ratio - other.ratio)[0];
}
function best(group, at) { return lowest(group, at, "edge"); }

const percent = (share) => { const value = Math.abs(100 * share); return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)}%`; };
const size = (ratio) => ratio >= 3 ? `${ratio.toFixed(1)} times the time` : ratio < 1 ? `${percent(1 - ratio)} less time` : `${percent(ratio - 1)} more time`;
const end = (ratio) => ratio >= 3 ? `${ratio.toFixed(1)} times the time` : ratio < 1 ? `${percent(1 - ratio)} less` : `${percent(ratio - 1)} more`;
function range({ low, high }) {
  if (low === null) return "one seed";
  if (low === high) return "the same in every seed";
  if (high < 1) return `${percent(1 - high)} to ${percent(1 - low)} less`;
  if (low > 1 && high < 3) return `${percent(low - 1)} to ${percent(high - 1)} more`;
  return low >= 3 ? `${low.toFixed(1)} to ${high.toFixed(1)} times` : `${end(low)} to ${end(high)}`;
}
const change = (found) => found.side === "even" ? "no clear difference" : size(found.ratio);
const seconds = (value) => `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)} s`;

const state = { group: shown[0] ?? 0, at: 0, clock: null };
{
  const hash = new URLSearchParams(location.hash.slice(1));
  const asked = table.groups.findIndex((_, group) => where(group) === hash.get("case"));
  if (shown.includes(asked)) state.group = asked;
  const there = stops[state.group], value = table.values.indexOf(hash.get("at"));
  state.at = there.includes(value) ? value : there[Math.floor((there.length - 1) / 2)] ?? 0;
}

function controls() {
  const slider = byId("at"), names = [...new Set(shown.flatMap((group) => Object.keys(table.groups[group])))];
  slider.addEventListener("input", () => move(state.group, stops[state.group][slider.value]));
  const varied = names.filter((name) => new Set(shown.map((group) => table.groups[group][name])).size > 1);
  byId("fields").append(...varied.map((name) => {
    const values = [...new Set(shown.map((group) => table.groups[group][name]).filter((value) => value !== undefined))];
    return el("fieldset", {}, el("legend", {}, name === "label" ? "Case" : name.replaceAll("_", " ")), ...values.map((value) => {
      const button = el("input", { type: "radio", name, value });
      button.addEventListener("change", () => choose(name, value));
      return el("label", {}, button, value);
    }));
  }));
  byId("controls").hidden = false;
  byId("controls").addEventListener("submit", (event) => event.preventDefault());
}
// The group that has the chosen value and agrees with the present one in most other fields.
function choose(name, value) {
  const now = table.groups[state.group], having = shown.filter((group) => table.groups[group][name] === value);
  const agrees = (group) => Object.keys(now).filter((each) => table.groups[group][each] === now[each]).length;
  const group = having.sort((one, other) => agrees(other) - agrees(one))[0];
  const near = [...stops[group]].sort((one, other) => Math.abs(one - state.at) - Math.abs(other - state.at))[0];
  move(group, near);
}
function move(group, at) {
  Object.assign(state, { group, at });
  show();
}

function show() {
  stop();
  const { group, at } = state, there = stops[group], slider = byId("at");
  slider.max = there.length - 1;
  slider.value = there.indexOf(at);
  slider.setAttribute("aria-valuetext", table.values[at]);
  document.querySelector(".axis-control").hidden = there.length < 2;
  byId("at-word").textContent = table.values[at];
  byId("stops").replaceChildren(...there.map((each, place) =>
    el("span", { style: `left:${100 * place / Math.max(1, there.length - 1)}%` }, table.values[each])));
  for (const button of document.querySelectorAll("#fields input"))
    button.checked = table.groups[group][button.name] === button.value;
  answer();
  lanes();
  chart();
  others();
  history.replaceState(null, "", `#${new URLSearchParams({ case: where(group), at: table.values[at] })}`);
}

function answer() {
  const { group, at } = state, found = best(group, at), inside = lowest(group, at, "cloud");
  const box = byId("answer"), names = listed(found.curve.names), bold = el("b", {}, change(found));
  box.className = found.side;
  const sentence = {
    yes: ["Yes. Drafting on the device takes ", bold, ` per token (${range(found)}) than the cloud alone, with ${names}.`],
    no: found.ratio >= 3
      ? ["No. Drafting on the device takes ", bold, ` of the cloud alone (${range(found)}), with ${names} at best.`]
      : ["No. Drafting on the device takes ", bold, ` per token (${range(found)}) than the cloud alone, with ${names} at best.`],
    even: ["There is ", bold, `: drafting on the device takes ${range(found)} time per token than the cloud alone, with ${names}.`],
    few: [`Too few seeds to tell (${table.seeds}): drafting on the device takes `, bold, ` ${found.ratio >= 3 ? "of" : "than"} the cloud alone, with ${names}.`],
  }[found.side];
  box.replaceChildren(...sentence);
  if (inside) box.append(el("small", {}, inside.side === "even"
    ? "If the cloud drafts with a small model of its own, that makes no clear difference."
    : `If the cloud drafts with a small model of its own, it takes ${size(inside.ratio)} (${range(inside)}) ${inside.ratio >= 3 ? "of" : "than"} the large model alone.`));
}

function lanes() {
  const { group, at } = state, order = { lossy: 1 };
  const there = merged[group].filter((each) => each.mean[at] !== null)
    .sort((one, other) => (order[one.role] ?? 0) - (order[other.role] ?? 0) || one.mean[at] - other.mean[at]);
  const most = Math.max(...there.map((each) => each.mean[at])), room = innerWidth < 640 ? 58 : 66;
  const how = { baseline: "the large model writes alone", cloud: "both models in the cloud", edge: "the device drafts", lossy: "not the large model's text" };
  byId("lanes").replaceChildren(...there.map((each) => {
    const took = each.mean[at] * table.tokens, found = against(each, at);
    const fact = each.role === "baseline" ? `${(1000 * each.mean[at]).toPrecision(3)} ms per token` : each.role === "lossy" || !found ? "" : change(found);
    return el("div", { class: "lane c", role: "listitem", style: colour(each.scheme) },
      el("b", {}, each.names.join(", "), el("span", {}, how[each.role])),
      el("div", { class: `track ${found && each.role !== "lossy" ? found.side : ""}` },
        el("div", { class: "bar", "data-s": took, style: `width:${room * each.mean[at] / most}%;--ten:${1000 / table.tokens}%` }, el("i")),
        el("div", { class: "took" }, el("b", {}, seconds(took)), " ", el("b", { class: "change", style: "font-weight:400" }, fact))));
  }));
}

function race() {
  stop();
  if (still.matches) {
    byId("clock").textContent = "Your settings ask for less motion: the bars show the end of the race.";
    return;
  }
  const bars = [...document.querySelectorAll(".bar")], longest = Math.max(...bars.map((bar) => bar.dataset.s)), start = performance.now();
  const frame = (now) => {
    const passed = (now - start) / 1000;
    for (const bar of bars) {
      const tokens = Math.floor(table.tokens * Math.min(1, passed / bar.dataset.s));
      bar.firstElementChild.style.clipPath = `inset(0 ${100 - 100 * tokens / table.tokens}% 0 0)`;
    }
    byId("clock").textContent = seconds(Math.min(passed, longest));
    state.clock = passed < longest ? requestAnimationFrame(frame) : null;
  };
  state.clock = requestAnimationFrame(frame);
}
function stop() {
  if (state.clock !== null) cancelAnimationFrame(state.clock);
  state.clock = null;
  byId("clock").textContent = "";
  for (const bar of document.querySelectorAll(".bar i")) bar.style.clipPath = "";
}

// Stretches of the axis with one answer.
function stretches(group, find) {
  const runs = [];
  for (const at of stops[group]) {
    const found = find(at);
    if (!found) continue;
    if (runs.length && runs.at(-1).side === found.side) runs.at(-1).to = at;
    else runs.push({ side: found.side, from: at, to: at });
  }
  return runs;
}
function over(group, run) {
  const there = stops[group];
  if (run.from === there[0] && run.to === there.at(-1)) return there.length > 1 ? "everywhere" : `at ${value(run.from)}`;
  if (run.from === run.to) return `at ${value(run.from)}`;
  return run.to === there.at(-1) ? `from ${value(run.from)} on` : `from ${value(run.from)} to ${value(run.to)}`;
}
const overAll = (group, runs) => runs.map((run) => over(group, run)).join(" and ");

function finding(group) {
  const runs = stretches(group, (at) => best(group, at)), having = (side) => runs.filter((run) => run.side === side);
  if (having("few").length) return `Drafting on the device against the cloud alone: ${table.seeds} seeds, too few to rank`;
  const inside = stretches(group, (at) => lowest(group, at, "cloud"));
  const more = inside.length === 1 && inside[0].side === "yes" ? "; drafting in the cloud beats it everywhere" : "";
  if (having("yes").length) return `Drafting on the device beats the cloud alone ${overAll(group, having("yes"))}${more}`;
  if (having("even").length) return `Drafting on the device is nowhere clearly faster than the cloud alone${more}`;
  return `Drafting on the device takes longer than the cloud alone everywhere${more}`;
}

const DASHES = ["none", "9 4", "2 3", "9 3 2 3", "5 2", "12 3"];
function chart() {
  const { group, at } = state, there = stops[group], small = innerWidth < 640;
  const lines = merged[group].filter((each) => ["edge", "cloud"].includes(each.role) && each.ratio.some((one) => one !== null));
  const [width, height] = small ? [420, 320] : [920, 360], left = 46, right = small ? 14 : 250, top = 12, foot = 34;
  const known = lines.flatMap((each) => [...each.ratio, ...each.low, ...each.high]).filter((one) => one !== null && one > 0);
  const low = Math.min(...known, 0.8), high = Math.max(...known, 1.25);
  const x = (each) => left + (width - left - right) * (there.length < 2 ? 0.5 : there.indexOf(each) / (there.length - 1));
  const y = (ratio) => top + (height - top - foot) * (Math.log(high) - Math.log(ratio)) / (Math.log(high) - Math.log(low));
  const title = finding(group);
  byId("chart-title").textContent = title;
  const svg = draw("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": `${title}. The table below has the numbers.` });
  for (let tick = 1 / 64; tick <= 64; tick *= 2) {
    if (tick < low || tick > high) continue;
    svg.append(draw("line", { x1: left, x2: width - right, y1: y(tick), y2: y(tick), style: `stroke:var(--${tick === 1 ? "text" : "line"})`, "stroke-width": tick === 1 ? 2 : 1 }),
      draw("text", { class: "soft", x: left - 8, y: y(tick) + 4, "text-anchor": "end" }, `${tick < 1 ? `1/${1 / tick}` : tick}×`));
  }
  const every = Math.ceil(there.length / (small ? 4 : 7));
  there.forEach((each, place) => {
    if (place % every && each !== there.at(-1)) return;
    const anchor = there.length < 2 ? "middle" : place === 0 ? "start" : each === there.at(-1) ? "end" : "middle";
    svg.append(draw("text", { class: "soft", x: x(each), y: height - 10, "text-anchor": anchor }, table.values[each]));
  });
  svg.append(draw("line", { x1: x(at), x2: x(at), y1: top, y2: height - foot, style: "stroke:var(--faint)", "stroke-dasharray": "3 3" }));
  const path = (points) => points.map(([each, ratio], place) => `${place ? "L" : "M"}${x(each).toFixed(1)} ${y(ratio).toFixed(1)}`).join("");
  const points = (each, values) => there.filter((one) => each[values][one] !== null).map((one) => [one, each[values][one]]);
  for (const each of lines) svg.append(draw("path", { class: "c", d: `${path([...points(each, "low"), ...points(each, "high").reverse()])}Z`, style: `${colour(each.scheme)};fill:var(--c);opacity:.13` }));
  const ends = [];
  lines.forEach((each, place) => {
    const look = { class: "c", style: `${colour(each.scheme)};stroke:var(--c);fill:none`, "stroke-width": 2.5, "stroke-dasharray": DASHES[place % DASHES.length] };
    const line = points(each, "ratio");
    svg.append(draw("path", { ...look, d: path(line) }));
    if (each.ratio[at] !== null) svg.append(draw("circle", { class: "c", cx: x(at), cy: y(each.ratio[at]), r: 5, style: `${colour(each.scheme)};fill:var(--c)` }));
    ends.push({ each, look, y: y(line.at(-1)[1]) });
  });
  const parts = [svg];
  if (small) parts.push(el("ul", { class: "key" }, ...ends.map(({ each, look }) =>
    el("li", {}, draw("svg", { viewBox: "0 0 44 8", "aria-hidden": "true" }, draw("path", { ...look, d: "M0 4L44 4" })), each.names.join(", ")))));
  else {
    // The name "cloud alone" has its place too; a name that would lie on another moves down.
    const names = [...ends.map((one) => ({ y: one.y, words: wrapped(one.each.names.join(", ")), scheme: one.each.scheme })), { y: y(1), words: ["the cloud alone"] }];
    names.sort((one, other) => one.y - other.y);
    names.forEach((one, place) => { if (place) one.y = Math.max(one.y, names[place - 1].y + 17 * names[place - 1].words.length); });
    const spill = Math.max(0, names.at(-1).y + 17 * (names.at(-1).words.length - 1) - (height - foot));
    for (const one of names) one.words.forEach((word, line) => svg.append(draw("text", one.scheme
      ? { class: "c", x: width - right + 10, y: one.y - spill + 5 + 17 * line, style: `${colour(one.scheme)};fill:var(--c)` }
      : { x: width - right + 10, y: one.y - spill + 5 + 17 * line }, word)));
  }
  byId("chart").replaceChildren(...parts);
}
function wrapped(words) {
  const lines = [""];
  for (const word of words.split(" ")) {
    if (lines.at(-1) && `${lines.at(-1)} ${word}`.length > 32) lines.push("");
    lines.push(`${lines.pop()} ${word}`.trim());
  }
  return lines;
}

function others() {
  const { group, at } = state;
  const words = { yes: "yes", no: "no", even: "no clear difference", few: "too few seeds" };
  const runs = stretches(group, (each) => best(group, each));
  byId("along").replaceChildren(...(stops[group].length < 2 ? [] : [el("b", {}, `The ${table.axis}. `),
    `${runs.map((run) => `${over(group, run)}: ${words[run.side]}`).join("; ").replace(/^./, (first) => first.toUpperCase())}.`]));
  const rows = table.groups.map((_, each) => [each, best(each, at)]).filter(([, found]) => found);
  byId("others").hidden = rows.length < 2;
  byId("others").tBodies[0].replaceChildren(...rows.map(([each, found]) => el("tr", each === group ? { class: "here", "aria-current": "true" } : {},
    el("th", { scope: "row" }, where(each)), el("td", {}, listed(found.curve.names)),
    el("td", { class: found.side }, `${change(found)} (${range(found)})`))));
}

byId("race").addEventListener("click", race);
byId("copy").addEventListener("click", () => {
  const say = (text) => { byId("copy").textContent = text; };
  (navigator.clipboard ? navigator.clipboard.writeText(location.href) : Promise.reject())
    .then(() => say("Copied"), () => say("Copy it from the address bar"));
});
let width = innerWidth;
addEventListener("resize", () => { if (innerWidth !== width) { width = innerWidth; show(); } });
if (shown.length) { controls(); show(); }
document.body.dataset.drawn = "yes";
})();
