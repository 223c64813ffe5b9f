// live.js - modules and types of a server, for tools that run in Node.
import fs from 'node:fs';

async function get(url, path, tag) {
	const address = new URL(path, url).href;
	const response = await fetch(address, { headers: tag ? { 'if-none-match': tag } : {} }).catch((error) => {
		throw new Error(`there is no server at ${url} (${error.cause?.code ?? error.message})`);
	});

	if (response.status === 304)
		return undefined;
	const text = await response.text();

	if (response.status === 200)
		return { text, tag: response.headers.get('etag') };
	throw Object.assign(new Error(`${address} was answered with ${response.status}: ${text.trim()}`), { status: response.status });
}

// { text, tag }, or undefined if it is still the one of that tag.
export async function fetchModule(url, name, tag) {
	try {
		return await get(url, `/realtime/live/${name}.js`, tag);
	} catch (error) {
		if (error.status === 404 && !/serve_modules/.test(error.message))
			throw new Error(`nothing is declared in module "${name}", as SELECT * FROM realtime.modules() says`);
		throw error;
	}
}

// The same of the types of all modules.
export function fetchTypes(url, tag) {
	return get(url, '/realtime/live.d.ts', tag);
}

// Names of the modules that a file of types has.
export function modulesIn(types) {
	return [...types.matchAll(/^declare module "\$live\/(.*)" \{$/gm)].map(([, name]) => name);
}

export function readModule(file) {
	if (!fs.existsSync(file))
		throw new Error(`there is no ${file}: "npx realtime-types --modules" writes it`);
	return fs.readFileSync(file, 'utf8');
}
