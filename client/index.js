// index.js - what the package exports.
export { assert, getAssertionCounters } from './src/assert.js';
export { createClient } from './src/client.js';
export { combine, empty, switched, when } from './src/derive.js';
export { RealtimeError, RealtimeError as RpcError } from './src/errors.js';
export { parse, stringify } from './src/json.js';
export { MAX_OPTIMISTIC_QUEUE_DEPTH } from './src/layers.js';
export { createValue } from './src/merge.js';
export * from './src/shared.js';
export { readable, Store } from './src/store.js';
