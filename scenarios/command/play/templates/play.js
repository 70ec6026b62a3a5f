"use strict";
// One clock over several lanes. `#t=262` in the address opens the page at 262 ms, `#play` plays at once.
(function () {
  const runs = JSON.parse(document.getElementById("runs").textContent);
  const SVG = "http://www.w3.org/2000/svg", WIDE = 1000, DEEP = 1.5; // WIDE: a way's length in its own units
  const SPEEDS = [10, 5, 2, 1, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.001], SECONDS = 25, SHOWN = 90;
  const end = Math.max(1e-3, ...runs.map((run) => run.end));
  const find = (id) => document.getElementById(id);
  const make = (name, className, parent, text) => {
    const made = document.createElement(name);
    if (className) made.className = className;
    if (text !== undefined) made.textContent = text;
    if (parent) parent.append(made);
    return made;
  };
  const draw = (name, attributes, parent) => {
    const made = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    parent.append(made);
    return made;
  };
  const milliseconds = (ms) => (ms < 10 ? ms.toFixed(2) : ms < 100 ? ms.toFixed(1) : Math.round(ms).toLocaleString("en")) + " ms";
  const counted = (number, what) => number.toLocaleString("en") + " " + what + (number === 1 ? "" : "s");

  // How many of the sorted numbers are at most `limit`, by bisection.
  function upTo(numbers, limit) {
    let low = 0, high = numbers.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (numbers[middle] <= limit) low = middle + 1; else high = middle;
    }
    return low;
  }

  // Finds what holds at a time among things that begin and end: those that have begun are found by bisection, and the
  // walk back ends where nothing before reaches that far.
  function index(things, began, ended) {
    const sorted = things.slice().sort((one, other) => began(one) - began(other));
    const starts = sorted.map(began), reach = [];
    let furthest = -Infinity;
    for (const each of sorted) reach.push((furthest = Math.max(furthest, ended(each))));
    return (at) => {
      const found = [];
      for (let place = upTo(starts, at) - 1; place >= 0 && reach[place] > at; place--) {
        if (ended(sorted[place]) > at) found.push(sorted[place]);
      }
      return found;
    };
  }

  function sums(things, at, amount) {
    const sorted = things.slice().sort((one, other) => at(one) - at(other)), times = sorted.map(at), totals = [0];
    for (const each of sorted) totals.push(totals[totals.length - 1] + amount(each));
    return (limit) => totals[upTo(times, limit)];
  }

  // A lane. Works are [began, ended, name, own]; packets have, after that, when they arrive (null: lost) and their bits.
  function lane(run, place) {
    const section = make("section", "lane", find("lanes"));
    section.setAttribute("aria-labelledby", "lane-" + place);
    const head = make("header", "", section), title = make("h2", "", head, run.scheme);
    title.id = "lane-" + place;
    if (run.differs) make("span", "differs", title, " " + run.differs);
    const stats = make("p", "stats", head);
    const scene = make("div", "scene", section);
    const device = station(scene, "device", "edge"), ways = make("div", "ways", scene), cloud = station(scene, "cloud", "cloud");
    const up = way(ways, "up", "uplink", run.up), down = way(ways, "down", "downlink", run.down);
    const strip = stripOf(section, run), text = make("p", "text", section);

    const working = index(run.edge, (work) => work[0], (work) => work[1]);
    const passing = index(run.cloud, (work) => work[0], (work) => work[1]);
    const open = index(run.rounds, (round) => round[1], (round) => round[2]);
    const answered = run.rounds.filter((round) => round[4]), ends = answered.map((round) => round[2]);
    const tokens = sums(answered, (round) => round[2], (round) => round[8].length);
    const drafted = sums(answered, (round) => round[2], (round) => round[5]);
    const accepted = sums(answered, (round) => round[2], (round) => round[6]);
    const bits = sums(run.up.filter((packet) => packet[3]), (packet) => packet[1], (packet) => packet[5]);
    const prompt = run.prompt_text ? "\u2026" + run.prompt_text.replace(/\s+/g, " ").slice(-44).replace(/^\S* /, "") : "";
    const served = run.cloud.some((work) => work[3]);
    let shown = null;

    // A draft as [text, what it is, all that is known of it].
    function written(draft, verified) {
      const state = verified ? { accepted: "accepted", rejected: "rejected" }[draft[2]] || "unverified" : "drafted";
      const about = [state === "unverified" ? draft[2] : state];
      if (draft[3] !== null) about.push("q = " + draft[3]);
      if (draft[4] !== null) about.push("probability of rejection " + draft[4]);
      return [draft[0], state, about.join(", ")];
    }

    // The text: what is committed, then the drafts of rounds that are open, as far as they are drawn and verified.
    function write(at) {
      const count = upTo(ends, at), pending = open(at).filter((round) => round[7].length).sort((one, other) => one[0] - other[0]);
      const pieces = [], key = [count, at >= run.end];
      for (const round of pending) {
        const verified = round[3] !== null && round[3] <= at;
        const whole = round[7].filter((draft) => draft[1] === null || draft[1] <= at || verified);
        key.push(round[0], whole.length, verified);
        for (const draft of whole) {
          pieces.push(written(draft, verified));
        }
      }
      if (key.join() === shown) return;
      shown = key.join();
      const committed = [];
      for (let place = count - 1; place >= 0 && committed.length < SHOWN; place--) {
        const round = answered[place], tokens = round[8].slice();
        // What the last round lost is struck out until the next has a draft.
        const lost = place === count - 1 && !pieces.length && at < run.end ? round[7].filter((draft) => draft[2] !== "accepted") : [];
        tokens.splice(round[6], 0, ...lost.map((draft) => written(draft, true)));
        committed.unshift(...tokens);
      }
      text.replaceChildren();
      if (committed.length < SHOWN) make("span", "prompt", text, prompt); else make("span", "prompt", text, "\u2026");
      for (const [piece, state, about] of [...committed.slice(-SHOWN), ...pieces]) {
        const span = make(state === "rejected" || state === "unverified" ? "del" : "span", state, text, piece.replace(/\n/g, "\u21b5"));
        span.title = about || (state === "verifier" ? "from the verifier" : state);
      }
    }

    return function show(at) {
      device(working(at), at >= run.end ? "done" : "waits");
      cloud(passing(at), served ? (at >= run.end ? "done" : "waits") : "not used");
      up(at);
      down(at);
      const made = tokens(at), parts = [counted(made, "token")];
      parts.push(made ? milliseconds(Math.min(at, ends[upTo(ends, at) - 1]) / made) + " each" : "first to come");
      if (drafted(at)) parts.push(accepted(at) + " of " + drafted(at) + " drafts accepted");
      parts.push(bits(at).toLocaleString("en") + " bits up");
      if (run.cut !== null && at >= run.cut) parts.push("cut here");
      else if (at >= run.end) parts.push((run.outcome === "answered" ? "done" : run.outcome.replaceAll("_", " ")) + " at " + milliseconds(run.end));
      stats.textContent = parts.join(", ");
      strip.setAttribute("x1", (at / end) * WIDE);
      strip.setAttribute("x2", (at / end) * WIDE);
      write(at);
    };
  }

  function station(parent, name, className) {
    const box = make("div", "end " + className, parent);
    make("b", "", box, name);
    const does = make("span", "", box);
    return (works, idle) => {
      const own = works.find((work) => work[3]), busy = own || works[0];
      box.classList.toggle("busy", own !== undefined);
      box.classList.toggle("others", own === undefined && busy !== undefined);
      does.textContent = own ? own[2] : busy ? "works for others" : idle;
    };
  }

  // A way is as long as the propagation delay: the head of a packet is where its first bit is, its tail where the last.
  function way(parent, className, name, packets) {
    const label = make("p", "", null), picture = document.createElementNS(SVG, "svg");
    picture.setAttribute("viewBox", "0 0 " + WIDE + " 20");
    picture.setAttribute("preserveAspectRatio", "none");
    picture.setAttribute("aria-hidden", "true");
    if (className === "up") parent.append(label, picture); else parent.append(picture, label);
    draw("rect", { class: "way", width: WIDE, height: 20, rx: 3 }, picture);
    const group = draw("g", {}, picture), delays = packets.filter((packet) => packet[4] !== null).map((packet) => packet[4] - packet[1]);
    const usual = delays.length ? Math.max(1e-6, delays.sort((one, other) => one - other)[delays.length >> 1]) : 1e-6;
    const delay = (packet) => (packet[4] === null ? usual : Math.max(1e-6, packet[4] - packet[1]));
    const flying = index(packets, (packet) => packet[0], (packet) => packet[1] + delay(packet));
    return (at) => {
      const now = flying(at).reverse();
      while (group.childElementCount > now.length) group.lastChild.remove();
      while (group.childElementCount < now.length) draw("rect", { height: 20, rx: 3 }, group);
      now.forEach((packet, place) => {
        const head = Math.min(1, (at - packet[0]) / delay(packet)), tail = Math.min(head, Math.max(0, (at - packet[1]) / delay(packet)));
        const length = Math.max(6, (head - tail) * WIDE), left = Math.min(tail * WIDE, WIDE - 6), rect = group.children[place];
        rect.setAttribute("class", "packet " + (packet[4] === null ? "lost " : "") + (packet[3] ? className : "others"));
        rect.setAttribute("x", className === "up" ? left : WIDE - left - length);
        rect.setAttribute("width", length);
      });
      const own = now.filter((packet) => packet[3]), first = own[0] || now[0];
      label.classList.toggle("faint", !own.length);
      if (first === undefined) label.textContent = packets.length ? name : name + ", not used";
      else {
        const share = Math.min(1, (at - first[0]) / Math.max(1e-6, first[1] - first[0]));
        const state = share < 1 ? Math.floor(share * 100) + "% on the air" : "under way";
        label.textContent = own.length ? first[2] + ", " + state : "others are on the air";
      }
    };
  }

  // The whole run, merged to pixels: a path a row.
  function stripOf(parent, run) {
    const picture = draw("svg", { class: "strip", viewBox: "0 0 " + WIDE + " 24", preserveAspectRatio: "none", "aria-hidden": "true" }, parent);
    const rows = [["edge", run.edge], ["up", run.up], ["cloud", run.cloud], ["down", run.down]];
    rows.forEach(([name, works], row) => {
      for (const own of [false, true]) {
        let path = "", from = -1, to = -1;
        const close = () => { if (to > from) path += "M" + from + " " + row * 6 + "H" + to + "V" + (row * 6 + 5) + "H" + from + "z"; };
        for (const work of works.filter((each) => Boolean(each[3]) === own).sort((one, other) => one[0] - other[0])) {
          const left = Math.max(0, Math.floor((work[0] / end) * WIDE * 2) / 2), right = Math.max(left + DEEP, Math.ceil((work[1] / end) * WIDE * 2) / 2);
          if (left > to) { close(); from = left; to = right; } else to = Math.max(to, right);
        }
        close();
        if (path) draw("path", { class: own ? name : "others", d: path }, picture);
      }
    });
    const seek = (event) => {
      const box = picture.getBoundingClientRect();
      go(((event.clientX - box.left) / box.width) * end);
    };
    picture.addEventListener("pointerdown", (event) => { picture.setPointerCapture(event.pointerId); seek(event); });
    picture.addEventListener("pointermove", (event) => { if (event.buttons) seek(event); });
    return draw("line", { y1: 0, y2: 24 }, picture);
  }

  // The clock.
  const shows = runs.map(lane), play = find("play"), slider = find("time"), clock = find("clock"), speed = find("speed");
  const steps = [0, end, ...runs.flatMap((run) => run.rounds.filter((round) => round[4]).map((round) => round[2]))].sort((one, other) => one - other);
  let now = 0, playing = false, before = null;

  function show() {
    slider.value = now;
    clock.textContent = milliseconds(now);
    slider.setAttribute("aria-valuetext", clock.textContent);
    for (const each of shows) each(now);
  }

  function go(at) {
    now = Math.min(end, Math.max(0, at));
    show();
  }

  function tick(stamp) {
    if (!playing) return;
    now = Math.min(end, now + (stamp - (before ?? stamp)) * Number(speed.value));
    before = stamp;
    show();
    if (now >= end) toggle(); else requestAnimationFrame(tick);
  }

  function toggle() {
    playing = !playing;
    play.textContent = playing ? "Pause" : "Play";
    if (!playing) { say(); return; }
    if (now >= end) go(0);
    before = null;  // Of frames alone: the first one may have begun before the key was pressed.
    requestAnimationFrame(tick);
  }

  function step(direction) {
    if (playing) toggle();
    const place = upTo(steps, now + 1e-6);
    if (direction > 0) go(steps[Math.min(place, steps.length - 1)]);
    else go(steps[Math.max(0, upTo(steps, now - 1e-6) - 1)]);
    say();
  }

  function say() {
    find("status").textContent = clock.textContent + ". " + Array.from(document.querySelectorAll(".lane"), (each) =>
      each.querySelector("h2").textContent + ": " + each.querySelector(".stats").textContent).join(". ");
  }

  function keyed(event) {
    if (event.ctrlKey || event.altKey || event.metaKey) return;
    const at = event.target.tagName;
    if (event.key === " " && !["BUTTON", "SELECT", "SUMMARY", "A"].includes(at)) toggle();
    else if (event.key === "ArrowRight" && at !== "SELECT") step(1);
    else if (event.key === "ArrowLeft" && at !== "SELECT") step(-1);
    else if (event.key === "Home" && at !== "SELECT") go(0);
    else if (event.key === "End" && at !== "SELECT") go(end);
    else return;
    event.preventDefault();
  }

  const wanted = SPEEDS.reduce((best, each) => (Math.abs(Math.log(end / 1000 / SECONDS / each)) < Math.abs(Math.log(end / 1000 / SECONDS / best)) ? each : best));
  for (const each of SPEEDS) {
    const option = make("option", "", speed, each === 1 ? "real time" : each > 1 ? each + " times faster" : "1/" + Math.round(1 / each) + " speed");
    option.value = each;
    option.selected = each === wanted;
  }
  slider.max = end;
  slider.addEventListener("input", () => go(Number(slider.value)));
  play.addEventListener("click", toggle);
  find("back").addEventListener("click", () => step(-1));
  find("on").addEventListener("click", () => step(1));
  document.addEventListener("keydown", keyed);

  function follow() {
    const asked = /^#t=([0-9]+(?:\.[0-9]+)?)$/.exec(location.hash);
    if (asked) go(Number(asked[1])); else show();
    if (location.hash === "#play" && !playing) toggle();
  }
  window.addEventListener("hashchange", follow);
  follow();
})();
