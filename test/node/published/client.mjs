// client.mjs - the published client and its transport, of one query (see hook.mjs).
export * as realtime from 'svelte-realtime/client';
export * as testing from 'svelte-realtime/test-client';
export * as transport from './transport.mjs';
