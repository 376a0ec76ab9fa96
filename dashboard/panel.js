// A panel with a chart: title, the figure of now, the chart, and the same as a table for those who cannot see it.

import { element, say } from "./dom.js";

/** Rows of a table. */
const ROWS = 30;
/** A table that changes faster than this cannot be read. */
const TABLE_MS = 5000;

/**
 * @typedef {{head: string[], rows: string[][]}} Figures newest first
 */

/** Frame of a chart. */
export class Panel {
  #value = element("p", { class: "value" }, "–");
  #note = element("p", { class: "note" });
  #table = element("div", { class: "scroll", tabindex: "0" });
  #toggle = element("button", { type: "button", class: "quiet", "aria-pressed": "false" }, "Table");
  #figures;
  #drawn = 0;

  /** Where the chart goes. */
  host = element("div", { class: "chart", role: "img" });

  /**
   * @param {HTMLElement} node an empty section
   * @param {string} title
   * @param {() => Figures} figures what the chart shows, newest first
   */
  constructor(node, title, figures) {
    const name = `${node.id}-title`;
    this.#figures = figures;
    this.title = title;
    node.setAttribute("aria-labelledby", name);
    this.#table.hidden = true;
    this.#table.setAttribute("role", "group");
    this.#table.setAttribute("aria-label", `${title}, as a table`);
    this.#toggle.setAttribute("aria-label", `${title}: show as a table`);
    this.#toggle.addEventListener("click", () => this.#switch());
    const top = element("div", { class: "top" }, element("h2", { id: name }, title), this.#toggle);
    node.append(top, element("div", { class: "now" }, this.#value, this.#note), this.host, this.#table);
    this.host.setAttribute("aria-label", title);
  }

  get showsTable() {
    return !this.#table.hidden;
  }

  /**
   * Says the figure of now.
   * @param {string} value
   * @param {string} note
   */
  say(value, note) {
    say(this.#value, value);
    say(this.#note, note);
    this.host.setAttribute("aria-label", `${this.title}: ${value} ${note}`);
    if (this.showsTable && Date.now() - this.#drawn > TABLE_MS) this.#draw();
  }

  #switch() {
    const table = this.#table.hidden;
    this.#table.hidden = !table;
    this.host.hidden = table;
    this.#toggle.setAttribute("aria-pressed", String(table));
    if (table) this.#draw();
  }

  #draw() {
    this.#drawn = Date.now();
    const { head, rows } = this.#figures();
    const top = element("tr", {}, ...head.map((name) => element("th", { scope: "col" }, name)));
    const body = rows.slice(0, ROWS).map(([first, ...rest]) =>
      element("tr", {}, element("th", { scope: "row" }, first), ...rest.map((text) => element("td", {}, text))),
    );
    this.#table.replaceChildren(element("table", {}, element("thead", {}, top), element("tbody", {}, ...body)));
  }
}
