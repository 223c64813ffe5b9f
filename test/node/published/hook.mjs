// hook.mjs - gives the published client its transport, and each client its own.
//
// import('svelte-realtime/client') from a module with the query "?n" gets modules with
// the same query, so a process has as many clients as it asks for.
const transport = new URL('./transport.mjs', import.meta.url).href;

export async function resolve(specifier, context, next) {
	const query = context.parentURL ? new URL(context.parentURL).search : '';
	const found = specifier === 'svelte-adapter-uws/client' ? { url: transport, shortCircuit: true } :
		await next(specifier, context);
	const isOne = /\/svelte-realtime\/|\/published\/(transport|client)\.mjs/.test(found.url);

	return isOne && query && !found.url.includes('?') ? { ...found, url: found.url + query } : found;
}
