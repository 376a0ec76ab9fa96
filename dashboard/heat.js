// The heat map of lag: how many sessions were how far behind, over time. The row says how far, the strength of a cell how many.

import { Chart, faint } from "./chart.js";
import { element } from "./dom.js";
import { count, timeOfDay } from "./format.js";
import { LAG } from "./live.js";
import { Panel } from "./panel.js";
import { steps } from "./series.js";

/** The steps of lag as the hub counts them. */
export const STEPS = ["up to date", "under 0.1 s", "to 1 s", "to 5 s", "to 15 s", "to 1 min", "to 5 min", "over 5 min"];
/** How bad a step is: a colour of the style sheet. */
const TONES = ["calm", "calm", "calm", "warn", "warn", "bad", "bad", "bad"];
/** Least width of a cell, in pixels. */
const CELL = 5;

/** The panel with the heat map. */
export class HeatPanel {
  #panel;
  #chart;
  #legend = element("p", { class: "legend" });
  /** @type {{time: number, figures: number[]}[]} */
  #cells = [];
  #step = 1;
  /** @type {number[]} */
  #times = [];

  /** @param {HTMLElement} node */
  constructor(node) {
    this.#panel = new Panel(node, "Lag of sessions", () => this.#table());
    node.append(this.#legend);
    this.#chart = new Chart(this.#panel.host, {
      series: [{ show: false }],
      show: (row) => STEPS[row - 0.5] ?? "",
      splits: STEPS.map((_, row) => row + 0.5),
      range: () => [0, STEPS.length],
      left: 84,
      paint: (plot) => this.#paint(plot),
      onpoint: (index) => this.#point(index),
    });
    this.#point(null);
  }

  /**
   * @param {import("./series.js").History} lags
   * @param {number} seconds
   * @param {string} value
   * @param {string} note
   */
  draw(lags, seconds, value, note) {
    const [times, ...columns] = lags.window(seconds, LAG);
    const width = this.#panel.host.clientWidth || 600;
    this.#step = Math.max(1, Math.ceil((seconds * CELL) / width));
    // The most of a step: what was bad for a second is not lost in a wide cell.
    this.#cells = steps(times, columns, this.#step, Math.max);
    this.#times = times;
    this.#chart.draw([times, times.map(() => null)], seconds);
    this.#panel.say(value, note);
  }

  /** @param {any} plot */
  #paint(plot) {
    const { ctx } = plot;
    const most = Math.max(1, ...this.#cells.flatMap((cell) => cell.figures));
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    for (const { time, figures } of this.#cells) {
      const left = Math.round(plot.valToPos(time, "x", true));
      const right = Math.round(plot.valToPos(time + this.#step, "x", true));
      figures.forEach((sessions, row) => {
        if (sessions === 0) return;
        const top = Math.round(plot.valToPos(row + 1, "y", true));
        const bottom = Math.round(plot.valToPos(row, "y", true));
        // Logarithmic: one session that is far behind must be seen beside thousands that are not.
        const share = 0.28 + 0.72 * (Math.log1p(sessions) / Math.log1p(most));
        ctx.fillStyle = faint(TONES[row], share);
        ctx.fillRect(left, top, Math.max(right - left, 1), bottom - top - 1);
      });
    }
    ctx.restore();
  }

  /** @param {number | null} index */
  #point(index) {
    const time = index === null ? undefined : this.#times[index];
    const cell = time === undefined ? undefined : this.#cells.findLast((cell) => cell.time <= time);
    if (!cell || time === undefined) {
      const keys = [
        ["calm", "under a second behind"],
        ["warn", "up to 15 s"],
        ["bad", "longer"],
      ];
      return this.#legend.replaceChildren(...keys.map(([tone, text]) => element("span", { class: `key ${tone}` }, text)));
    }
    const shown = cell.figures.map((sessions, row) => [sessions, row]).filter(([sessions]) => sessions > 0);
    this.#legend.replaceChildren(
      ...shown.map(([sessions, row]) => element("span", { class: `key ${TONES[row]}` }, `${STEPS[row]} ${count(sessions)}`)),
      element("span", {}, timeOfDay(cell.time)),
    );
  }

  /** @returns {import("./panel.js").Figures} */
  #table() {
    const rows = this.#cells.map(({ time, figures }) => [timeOfDay(time), ...figures.map(count)]);
    return { head: ["Time", ...STEPS], rows: rows.reverse() };
  }
}
