// vite.js - $live/MODULE for Vite: what the server makes of its declarations.
//
//	import realtime from 'realtime-client/vite';
//	export default { plugins: [realtime({ url: 'http://localhost:7432' })] };
//
// While pages are developed the server is asked for modules, and again every now and
// then: a page is reloaded when one of its modules has become another one.  What is
// rendered on a server gets the same exports, which connect to nothing.
import fs from 'node:fs';
import path from 'node:path';
import { fetchModule, fetchTypes, readModule } from './bin/live.js';

const prefix = '$live/';
const virtual = `\0${prefix}`;
const devName = '@dev';		// which is no name of a module
const devId = virtual + devName;
const typesEvery = 5;			// looks at the modules, to one at the types

// A module imports what it is made of from the client, and from entries beside it.
const imports = /^import \{ (.*) \} from "\/realtime\/client(\/\w+)?\.js";$/gm;

// Stores have the values that they are given, and calls fail.
const nowhere = {
	empty: "import { createClient as __create, empty } from 'realtime-client';\nconst __client = __create({ enabled: false });",
	__rpc: 'const __rpc = (...how) => __client.rpc(...how);',
	__stream: 'const __stream = (...how) => __client.stream(...how);',
	__aggregate: 'const __aggregate = (...how) => __client.aggregate(...how);',
	__binaryRpc: 'const __binaryRpc = (path) => __createUploads(__client).binary(path);',
	__upload: 'const __upload = (path) => __createUploads(__client).upload(path);',
};

function forPages(text) {
	return text.replace(imports, (line, names, entry = '') => `import { ${names} } from "realtime-client${entry}";`);
}

function forServers(text) {
	return text.replace(imports, (line, names, entry) => [
		...entry === '/upload' ? ["import { createUploads as __createUploads } from 'realtime-client/upload';"] : [],
		...names.split(', ').sort().reverse().map((name) => nowhere[name]),
	].join('\n'));
}

// The page's own client, before anybody uses it, while pages are developed: it says what may
// be a mistake, and the overlay sees it if that is wanted.
function forDevelopers(isSeen) {
	return `import { configure } from 'realtime-client';
${isSeen ? "import { inspect } from 'realtime-client/devtools';\n" : ''}configure({ dev: true${isSeen ? ', ...inspect()' : ''} });
`;
}

// Its own address is the server's, for what pages connect to.
function proxyTo(url) {
	const to = { target: url, changeOrigin: true, rewriteWsOrigin: true, headers: { origin: new URL(url).origin } };

	return { '/ws': { ...to, ws: true }, '/__ws': to, '/__realtime': to, '/realtime': to };
}

function writeTypes(file, text) {
	if (fs.existsSync(file) && fs.readFileSync(file, 'utf8') === text)
		return;
	fs.mkdirSync(path.dirname(file), { recursive: true });
	fs.writeFileSync(file, text);
}

// Options: url of the server; types, the file for editors, or false; poll, ms between
// looks, or 0; proxy, whether the dev server is the database's for pages; modules, a
// folder of modules that realtime-types has written, for builds without a server;
// devtools, whether pages have the overlay while they are developed.
export default function realtime({ url = 'http://localhost:7432', types = 'src/live.d.ts', poll = 2000, proxy = true, modules, devtools = false } = {}) {
	const known = new Map();		// name -> { text, tag } of what pages have
	let typesTag;
	let root = process.cwd();
	let isBuild = false;
	let stop = () => {};

	const fromFolder = (name) => readModule(path.resolve(root, modules, `${name}.js`));

	async function get(name) {
		if (isBuild && modules !== undefined)
			return fromFolder(name);
		const module = await fetchModule(url, name);

		known.set(name, module);
		return module.text;
	}

	async function lookAtTypes() {
		if (types === false)
			return;
		const found = await fetchTypes(url, typesTag);

		if (found === undefined)
			return;
		typesTag = found.tag;
		writeTypes(path.resolve(root, types), found.text);
	}

	// Which of them have become others; failed is told of each that cannot be asked for.
	async function changed(failed) {
		const names = [];

		for (const [name, { tag }] of known) {
			try {
				if (await fetchModule(url, name, tag) !== undefined)
					names.push(name);
			} catch (error) {
				failed(error);
			}
		}
		return names;
	}

	function reload(server, names) {
		for (const name of names) {
			known.delete(name);
			for (const environment of Object.values(server.environments ?? { client: server })) {
				const module = environment.moduleGraph.getModuleById(virtual + name);

				if (module)
					environment.moduleGraph.invalidateModule(module);
			}
		}
		server.ws.send({ type: 'full-reload' });
	}

	function watch(server) {
		let looks = 0;
		let timer;
		let isOver = false;

		// the server is away for a moment, or the module is gone: whoever asks is told
		const failed = (error) => server.config.logger.info(`realtime: ${error.message}`, { timestamp: true });
		const look = async () => {
			try {
				const names = await changed(failed);

				if (isOver)
					return;
				if (names.length > 0)
					reload(server, names);
				if (names.length > 0 || looks++ % typesEvery === 0)
					await lookAtTypes();
			} catch (error) {
				failed(error);
				looks = 1;
			}
			if (!isOver)
				timer = setTimeout(look, poll).unref();
		};
		const end = () => {
			isOver = true;
			clearTimeout(timer);
		};

		look();
		server.httpServer?.once('close', end);
		return end;
	}

	return {
		name: 'realtime-client',

		config() {
			return { optimizeDeps: { exclude: ['realtime-client'] }, ...(proxy ? { server: { proxy: proxyTo(url) } } : {}) };
		},

		configResolved(config) {
			root = config.root;
			isBuild = config.command === 'build';
		},

		configureServer(server) {
			if (poll > 0)
				stop = watch(server);
		},

		async buildStart() {
			if (isBuild && modules === undefined)
				await lookAtTypes();
		},

		resolveId(id) {
			return id.startsWith(prefix) ? virtual + id.slice(prefix.length).replace(/\.js$/, '') : undefined;
		},

		async load(id, { ssr = false } = {}) {
			if (!id.startsWith(virtual))
				return undefined;
			if (id === devId)
				return forDevelopers(devtools);
			const text = await get(id.slice(virtual.length));

			return ssr ? forServers(text) : (isBuild ? '' : `import '${prefix}${devName}';\n`) + forPages(text);
		},

		buildEnd() {
			stop();
		},
	};
}
