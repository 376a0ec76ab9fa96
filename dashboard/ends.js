// Streams that ended, by reason, over time: bars whose parts are coloured by who is to blame.

import { Chart, fromZero } from "./chart.js";
import { element } from "./dom.js";
import { count, timeOfDay } from "./format.js";
import { Panel } from "./panel.js";
import { steps } from "./series.js";
import { colour } from "./theme.js";

/**
 * Reasons with their tone and what they mean, those first that are nobody's fault.
 * @type {Record<string, {tone: string, text: string}>}
 */
export const REASONS = {
  client: { tone: "calm", text: "client left" },
  ended: { tone: "calm", text: "topics finished" },
  max_age: { tone: "calm", text: "maximum age" },
  drain: { tone: "calm", text: "hub stopping" },
  admin: { tone: "warn", text: "by an administrator" },
  expired: { tone: "warn", text: "credential expired" },
  revoked: { tone: "warn", text: "credential revoked" },
  stalled: { tone: "bad", text: "took nothing" },
  lagged: { tone: "bad", text: "too far behind" },
  error: { tone: "bad", text: "log unreadable" },
};
const NAMES = Object.keys(REASONS);
/** Bars in the whole width. */
const BARS = 60;

/** The panel with the bars. */
export class EndsPanel {
  #panel;
  #chart;
  #legend = element("p", { class: "legend" });
  /** @type {{time: number, figures: number[]}[]} */
  #bars = [];
  #step = 5;

  /** @param {HTMLElement} node */
  constructor(node) {
    this.#panel = new Panel(node, "Streams ended", () => this.#table());
    node.append(this.#legend);
    this.#chart = new Chart(this.#panel.host, {
      // Only for the vertical axis, which follows its figures: the bars are painted.
      series: [{ paths: () => null, points: { show: false } }],
      show: (figure) => (Number.isInteger(figure) ? count(figure) : ""),
      range: fromZero(4),
      left: 40,
      paint: (plot) => this.#paint(plot),
      onpoint: () => {},
    });
  }

  /**
   * @param {import("./series.js").History} history
   * @param {number} seconds
   */
  draw(history, seconds) {
    const [times, ...columns] = history.window(seconds, NAMES.map((name) => `closed_${name}`));
    this.#step = Math.max(1, Math.round(seconds / BARS));
    this.#bars = steps(times, columns, this.#step, (total, figure) => total + figure);
    this.#chart.draw([this.#bars.map((bar) => bar.time), this.#bars.map((bar) => sum(bar.figures))], seconds);
    const totals = NAMES.map((name, which) => ({ name, total: sum(this.#bars.map((bar) => bar.figures[which])) }));
    const seen = totals.filter(({ total }) => total > 0);
    const mine = seen.filter(({ name }) => name !== "client");
    this.#panel.say(count(sum(seen.map(({ total }) => total))), `in this time, ${count(sum(mine.map(({ total }) => total)))} of them by the hub`);
    const keys = seen.map(({ name, total }) => element("span", { class: `key ${REASONS[name].tone}` }, `${REASONS[name].text} ${count(total)}`));
    this.#legend.replaceChildren(...keys);
  }

  /** @param {any} plot */
  #paint(plot) {
    const { ctx } = plot;
    ctx.save();
    ctx.beginPath();
    ctx.rect(plot.bbox.left, plot.bbox.top, plot.bbox.width, plot.bbox.height);
    ctx.clip();
    for (const { time, figures } of this.#bars) {
      const left = plot.valToPos(time, "x", true);
      const width = Math.max((plot.valToPos(time + this.#step, "x", true) - left) * 0.75, 1);
      let below = 0;
      figures.forEach((figure, which) => {
        if (figure === 0) return;
        const [bottom, top] = [plot.valToPos(below, "y", true), plot.valToPos(below + figure, "y", true)];
        ctx.fillStyle = colour(REASONS[NAMES[which]].tone);
        ctx.fillRect(left, top, width, bottom - top);
        below += figure;
      });
    }
    ctx.restore();
  }

  /** @returns {import("./panel.js").Figures} */
  #table() {
    const rows = this.#bars.map(({ time, figures }) => [timeOfDay(time), ...figures.map(count)]);
    return { head: ["From", ...NAMES.map((name) => REASONS[name].text)], rows: rows.reverse() };
  }
}

/** @param {number[]} figures */
function sum(figures) {
  return figures.reduce((total, figure) => total + figure, 0);
}
