// Start of the hub's own page: two EventSources (the counters and what you watch), a publish form,
// and nothing from anywhere but this hub.

import { topics } from "./api.js";
import { copyable, element, find } from "./dom.js";
import { Publisher } from "./publisher.js";
import { Vitals } from "./vitals.js";
import { Watch } from "./watch.js";

const watch = new Watch();
const vitals = new Vitals();
new Publisher(watch);

find("address", HTMLElement).textContent = location.host;
firstSteps();
suggestTopics();

vitals.onstats = (stats) => watch.logReaches(stats.head);
vitals.start();
watch.onempty = (empty) => {
  find("empty", HTMLElement).hidden = !empty;
  find("heads", HTMLElement).hidden = empty;
};
watch.recall();
watch.start();

/** Shows a newcomer the two commands, for this very address. */
function firstSteps() {
  const base = location.origin;
  find("steps", HTMLElement).append(
    element("p", {}, "Publish an event from a terminal:"),
    copyable("publish an event", `curl -d 'Hello, world' '${base}/v1/topics/hello'`),
    element("p", {}, "Read along, with replay of everything kept:"),
    copyable("read along", `curl -N '${base}/v1/events?topic=hello&since=earliest'`),
  );
}

/** Offers the topics that exist when a topic field gets the focus. */
function suggestTopics() {
  const offered = find("topics", HTMLDataListElement);
  for (const id of ["watch-topic", "publish-topic"]) {
    find(id, HTMLInputElement).addEventListener("focus", async () => {
      const names = await topics().catch(() => []);
      offered.replaceChildren(...names.slice(0, 100).map((name) => element("option", { value: name })));
    });
  }
}
