"use strict";
// Sorting. A click on a heading sorts by its column and puts `#sort=TABLE/COLUMN/DIRECTION` into the address; a page
// opened with such an address is sorted so.
(function () {
  const ASCENDING = "ascending", DESCENDING = "descending";

  function before(one, other, direction) {
    const values = [one, other].map((cell) => (cell.dataset.v === undefined ? NaN : Number(cell.dataset.v)));
    const lacking = values.map((value) => Number.isNaN(value));
    if (lacking[0] && lacking[1]) {
      const words = one.textContent.localeCompare(other.textContent, "en", { numeric: true });
      return direction === ASCENDING ? words : -words;
    }
    if (lacking[0] || lacking[1]) return lacking[0] ? 1 : -1; // what has no value comes last, either way
    const order = values[0] < values[1] ? -1 : values[0] > values[1] ? 1 : 0;
    return direction === ASCENDING ? order : -order;
  }

  function sort(table, heading, direction) {
    const place = Array.from(heading.parentNode.children).indexOf(heading);
    const rows = Array.from(table.tBodies[0].rows);
    rows.sort((one, other) => before(one.cells[place], other.cells[place], direction));
    table.tBodies[0].append(...rows);
    for (const each of heading.parentNode.children) each.setAttribute("aria-sort", "none");
    heading.setAttribute("aria-sort", direction);
    const name = heading.querySelector("button").textContent;
    document.querySelector(".status").textContent = "Sorted by " + name + ", " + direction;
  }

  function clicked(table, heading) {
    const direction = heading.getAttribute("aria-sort") === ASCENDING ? DESCENDING : ASCENDING;
    sort(table, heading, direction);
    history.replaceState(null, "", "#sort=" + [table.id, heading.dataset.key, direction].map(encodeURIComponent).join("/"));
  }

  for (const table of document.querySelectorAll("table.sortable")) {
    for (const heading of table.tHead.rows[0].cells) {
      const label = heading.querySelector(".heading"), button = document.createElement("button");
      button.type = "button";
      button.textContent = label.textContent;
      if (label.hasAttribute("aria-describedby")) {
        button.setAttribute("aria-describedby", label.getAttribute("aria-describedby"));
        label.removeAttribute("aria-describedby");
      }
      label.replaceChildren(button);
      heading.setAttribute("aria-sort", "none");
      button.addEventListener("click", () => clicked(table, heading));
    }
  }

  function follow() {
    const asked = /^#sort=([^/]+)\/([^/]+)\/(ascending|descending)$/.exec(location.hash);
    if (!asked) return;
    const [id, key, direction] = asked.slice(1).map(decodeURIComponent);
    const table = document.getElementById(id);
    if (table === null || !table.matches("table.sortable")) return;
    const heading = Array.from(table.tHead.rows[0].cells).find((each) => each.dataset.key === key);
    if (heading === undefined) return;
    for (let part = table.closest("details"); part !== null; part = part.parentNode.closest("details")) part.open = true;
    heading.setAttribute("aria-sort", direction === ASCENDING ? "none" : ASCENDING);
    heading.querySelector("button").click();
    table.scrollIntoView();
  }

  follow();
  window.addEventListener("hashchange", follow);
})();
