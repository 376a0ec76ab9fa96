// What only some options ask for: a store, a refresh hook, one stream for all tabs. Loaded with the first of them.

import { credential } from "./credential.js";
import { saver } from "./saver.js";
import { keyOf } from "./store.js";

/** @import { Engine } from "./engine.js" */

/** @param {Engine} engine */
export async function prepare(engine) {
  const { lastEventId, store, storeKey, refresh, share } = engine.options;
  if (refresh) engine.credential = credential(engine, refresh);
  if (store) {
    const { load, save } = saver(store, storeKey ?? keyOf(engine.url));
    engine.save = save;
    if (lastEventId == null) {
      const id = (engine.lastEventId = await load());
      // Its event was received before.
      if (id) engine.repeats(id, 0);
    }
  }
  if (share) engine.tabs = await import("./tabs.js").then(({ join }) => join(engine)).catch(() => undefined);
}
