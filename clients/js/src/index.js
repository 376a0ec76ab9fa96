// Event streams that never lose their place.

export { Decoder, events, events as decode } from "./decode.js";
export { SubscriptionError } from "./error.js";
export { localStore, memoryStore, sessionStore } from "./store.js";
export { subscribe, Subscription } from "./subscribe.js";
