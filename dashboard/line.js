// A panel with one or more lines over time.

import { Chart, faint, fromZero } from "./chart.js";
import { element, say } from "./dom.js";
import { timeOfDay } from "./format.js";
import { Panel } from "./panel.js";
import { colour } from "./theme.js";

/**
 * @typedef {object} Line
 * @property {string} name its column in the history
 * @property {string} label
 * @property {string} colour a custom property of the style sheet
 * @property {boolean} [fill] whether the area below it is tinted
 */

/** Lines over time. */
export class LinePanel {
  #chart;
  #panel;
  #legend = element("p", { class: "legend" });
  /** @type {(number | null)[][]} */
  #data = [[]];
  #lines;
  #show;

  /**
   * @param {HTMLElement} node
   * @param {{title: string, lines: Line[], show: (figure: number) => string, least: number}} plan
   */
  constructor(node, { title, lines, show, least }) {
    this.#lines = lines;
    this.#show = show;
    this.#panel = new Panel(node, title, () => this.#table());
    node.append(this.#legend);
    this.#chart = new Chart(this.#panel.host, {
      series: lines.map((line) => ({
        label: line.label,
        stroke: () => colour(line.colour),
        fill: line.fill ? () => faint(line.colour, 0.16) : undefined,
        width: 1.5,
        points: { show: false },
      })),
      show,
      range: fromZero(least),
      onpoint: (index) => this.#point(index),
    });
    this.#point(null);
  }

  /**
   * @param {import("./series.js").History} history
   * @param {number} seconds
   * @param {string} value the figure of now
   * @param {string} note
   */
  draw(history, seconds, value, note) {
    this.#data = history.window(seconds, this.#lines.map((line) => line.name));
    this.#chart.draw(this.#data, seconds);
    this.#panel.say(value, note);
  }

  /** @param {number | null} index */
  #point(index) {
    const [times, ...columns] = this.#data;
    if (index === null || times[index] == null) {
      const keys = this.#lines.map((line) => element("span", { class: `key ${line.colour}` }, line.label));
      return this.#legend.dataset.at === "" ? undefined : this.#say("", keys);
    }
    const keys = this.#lines.map((line, which) => {
      const figure = columns[which][index];
      return element("span", { class: `key ${line.colour}` }, `${line.label} ${figure == null ? "–" : this.#show(figure)}`);
    });
    this.#say(timeOfDay(times[index]), keys);
  }

  /**
   * @param {string} at
   * @param {HTMLElement[]} keys
   */
  #say(at, keys) {
    this.#legend.dataset.at = at;
    const time = element("span", {});
    say(time, at);
    this.#legend.replaceChildren(...keys, time);
  }

  /** @returns {import("./panel.js").Figures} */
  #table() {
    const [times, ...columns] = this.#data;
    const rows = times.map((time, index) => [
      timeOfDay(time ?? 0),
      ...columns.map((column) => (column[index] == null ? "–" : this.#show(column[index] ?? 0))),
    ]);
    return { head: ["Time", ...this.#lines.map((line) => line.label)], rows: rows.reverse() };
  }
}
