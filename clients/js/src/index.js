// Event streams that never lose their place.

export { Decoder, events, events as decode } from "./decode.js";
export { SubscriptionError } from "./error.js";
export { localStore, memoryStore, sessionStore } from "./store.js";
export { subscribe } from "./subscribe.js";

/** @typedef {import("./decode.js").DecoderOptions} DecoderOptions */
/** @typedef {import("./decode.js").StreamEvent} StreamEvent */
/** @typedef {import("./decode.js").Gap} Gap */
/** @typedef {import("./engine.js").Options} Options */
/** @typedef {import("./engine.js").RefreshCause} RefreshCause */
/** @typedef {import("./engine.js").State} State */
/** @typedef {import("./items.js").Closing} Closing */
/** @typedef {import("./items.js").End} End */
/** @typedef {import("./items.js").Expiring} Expiring */
/** @typedef {import("./items.js").Item} Item */
/** @typedef {import("./store.js").Store} Store */
/** @typedef {import("./subscribe.js").Subscription} Subscription */
