// A table whose rows stay what they are while their figures change, so that a focus or a selection is not lost; sorted by the
// column that somebody chose.

import { element, say } from "./dom.js";

/**
 * @template T
 * @typedef {object} Column
 * @property {string} title
 * @property {(row: T) => string | Node} cell
 * @property {(row: T) => number | string} [sort] what the rows are sorted by
 * @property {boolean} [figure] whether it holds numbers
 * @property {boolean} [minor] whether a narrow page does without it
 * @property {(row: T) => string} [tone] a colour of the style sheet, or nothing
 */

/** @template T */
export class Table {
  #body = element("tbody");
  /** @type {HTMLElement[]} */
  #heads = [];
  /** @type {Map<string, {node: HTMLElement, cells: HTMLElement[]}>} */
  #rows = new Map();
  #columns;
  #key;
  /** @type {T[]} */
  #shown = [];
  #sorted;
  #descending;
  #empty = element("p", { class: "empty-note" });
  #emptyText;
  #host;
  /** Whether the rows are those of now. */
  #known = false;

  /**
   * @param {HTMLElement} host
   * @param {object} plan
   * @param {string} plan.label its name for a screen reader
   * @param {Column<T>[]} plan.columns
   * @param {(row: T) => string} plan.key
   * @param {string} plan.empty what is said when there are no rows
   * @param {number} [plan.sorted] the column that it is sorted by at first, the largest first; none keeps the order given
   */
  constructor(host, { label, columns, key, empty, sorted = -1 }) {
    this.#host = host;
    this.#columns = columns;
    this.#key = key;
    this.#emptyText = empty;
    this.#sorted = sorted;
    this.#descending = true;
    this.#heads = columns.map((column, index) => this.#head(column, index));
    const table = element("table", { "aria-label": label }, element("thead", {}, element("tr", {}, ...this.#heads)), this.#body);
    host.append(element("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": label }, table), this.#empty);
    this.#mark();
    this.#draw();
  }

  /** @param {T[]} rows */
  update(rows) {
    this.#shown = rows;
    this.known = true;
    this.#draw();
  }

  /**
   * Says whether the rows, or that there are none, are how it is now.
   * @param {boolean} known
   */
  set known(known) {
    if (this.#known === known) return;
    this.#known = known;
    this.#host.toggleAttribute("data-stale", !known);
    this.#draw();
  }

  /**
   * Says something else where there are no rows.
   * @param {string} text
   */
  set empty(text) {
    this.#emptyText = text;
    this.#draw();
  }

  #draw() {
    const keys = new Set(this.#shown.map(this.#key));
    // Whoever has the focus on a row goes on with it: the order waits.
    const held = this.#body.contains(document.activeElement);
    for (const [key, row] of this.#rows) {
      if (keys.has(key)) continue;
      row.node.remove();
      this.#rows.delete(key);
    }
    let before = this.#body.firstElementChild;
    for (const data of this.#order()) {
      const row = this.#row(data);
      if (row.node === before) before = before.nextElementSibling;
      else if (!held || !row.node.isConnected) this.#body.insertBefore(row.node, before);
    }
    this.#empty.hidden = this.#shown.length > 0;
    say(this.#empty, this.#known ? this.#emptyText : "Not known: the hub has not answered yet.");
  }

  #order() {
    const by = this.#columns[this.#sorted]?.sort;
    if (!by) return this.#shown;
    const sign = this.#descending ? -1 : 1;
    return [...this.#shown].sort((a, b) => {
      const [left, right] = [by(a), by(b)];
      return left === right ? 0 : left < right ? -sign : sign;
    });
  }

  /** @param {T} data */
  #row(data) {
    const key = this.#key(data);
    let row = this.#rows.get(key);
    if (!row) {
      const cells = this.#columns.map((column, index) => {
        const attributes = classes(column);
        return index === 0 ? element("th", { scope: "row", ...attributes }) : element("td", attributes);
      });
      row = { node: element("tr", {}, ...cells), cells };
      this.#rows.set(key, row);
    }
    this.#columns.forEach((column, index) => fill(/** @type {any} */ (row).cells[index], column.cell(data), column.tone?.(data)));
    return row;
  }

  /**
   * @param {Column<T>} column
   * @param {number} index
   */
  #head(column, index) {
    const attributes = { scope: "col", ...classes(column) };
    if (!column.sort) return element("th", attributes, column.title);
    const sort = element("button", { type: "button" }, column.title);
    sort.addEventListener("click", () => {
      this.#descending = this.#sorted === index ? !this.#descending : true;
      this.#sorted = index;
      this.#mark();
      this.#draw();
    });
    return element("th", attributes, sort);
  }

  #mark() {
    this.#heads.forEach((head, index) => {
      if (index === this.#sorted) head.setAttribute("aria-sort", this.#descending ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
  }
}

/** @param {{figure?: boolean, minor?: boolean}} column */
function classes({ figure, minor }) {
  const names = [figure && "figure", minor && "minor"].filter(Boolean).join(" ");
  return /** @type {Record<string, string>} */ (names ? { class: names } : {});
}

/**
 * @param {HTMLElement} cell
 * @param {string | Node} content
 * @param {string} [tone]
 */
function fill(cell, content, tone = "") {
  if (typeof content === "string") say(cell, content);
  else if (!cell.firstChild?.isEqualNode(content)) cell.replaceChildren(content);
  if ((cell.dataset.tone ?? "") !== tone) cell.dataset.tone = tone;
}
