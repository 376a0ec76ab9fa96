// Servers: producing event streams, and publishing to a hub.

export { encode } from "./encode.js";
export { eventStream } from "./http.js";
export { PublishError } from "./publish-error.js";
export { Publisher } from "./publisher.js";
export { drain, streamCounts } from "./registry.js";
export { lastEventId } from "./request.js";
export { EventStream } from "./stream.js";
export { eventResponse } from "./web.js";
