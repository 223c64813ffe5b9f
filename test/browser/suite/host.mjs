// host.mjs - serves pages that run the client's tests, and does for them what a page
// cannot: servers, ways to them, signatures.
import { once } from 'node:events';
import http from 'node:http';
import { createRequire } from 'node:module';
import { fileURLToPath } from 'node:url';
import { sign, Way } from '../../../client/test/node.mjs';
import { startServer } from '../../node/lib.mjs';

const { WebSocketServer } = createRequire(new URL('../../node/package.json', import.meta.url))('ws');
const { build } = createRequire(new URL('../../../client/package.json', import.meta.url))('esbuild');
const at = (name) => fileURLToPath(new URL(name, import.meta.url));
const tests = at('../../../client/test/');

// A page takes these from here.
const instead = { 'node:test': at('harness.mjs'), 'node:assert/strict': at('assert.mjs'), './node.mjs': at('page.mjs') };

// One script of a file of tests and all that it needs.
async function bundle(name, skipped) {
	const { outputFiles: [file] } = await build({
		stdin: {
			contents: `import './${name}.test.mjs';
				import { run } from 'node:test';
				import { ask } from './node.mjs';
				const tell = (result) => ask(null, 'result', '${name}', result);
				await run(tell, ${JSON.stringify(skipped)}).catch((error) => tell({ name: 'before or after', error: String(error.stack), ms: 0 }));
				ask(null, 'over', '${name}');`,
			resolveDir: tests, sourcefile: `${name}.mjs`,
		},
		bundle: true, format: 'esm', target: 'es2022', write: false, sourcemap: 'inline', ignoreAnnotations: true,
		plugins: [{
			name: 'instead',
			setup(made) {
				made.onResolve({ filter: /^(node:|\.\/node\.mjs)/ }, ({ path }) => ({ path: instead[path] }));
			},
		}],
	});

	return file.text;
}

export class Host {
	#objects = new Map();
	#last = 0;
	#scripts = new Map();
	#results = new Map();		// name of a page -> { told, over }

	static async start() {
		const host = new Host();

		host.server = http.createServer((request, response) => host.#serve(request, response));
		new WebSocketServer({ server: host.server }).on('connection', (socket) => {
			socket.on('message', (data) => host.#asked(socket, JSON.parse(data)));
		});
		host.server.listen(0, '127.0.0.1');
		await once(host.server, 'listening');
		host.origin = `http://127.0.0.1:${host.server.address().port}`;
		return host;
	}

	// The address of a page that runs a file of tests, but for those that are skipped.
	async page(name, skipped = []) {
		this.#scripts.set(`/${name}.mjs`, await bundle(name, skipped));
		return `${this.origin}/${name}`;
	}

	// Resolves to what a page has told, at its end, or when there is no time left for it.
	async results(name, ms) {
		const told = new Map();			// by the name of a test: how it has ended
		let timer;
		const over = new Promise((resolve) => {
			this.#results.set(name, { told, over: resolve });
			timer = setTimeout(resolve, ms);
		});

		await over;
		clearTimeout(timer);
		return [...told.values()].map((one) => ({ error: one.ms === undefined ? `not over within ${ms} ms` : undefined, ...one }));
	}

	async #serve(request, response) {
		let body = '';

		for await (const part of request)
			body += part;
		if (request.url === '/sign') {
			const { text, secret } = JSON.parse(body);
			response.end(sign(text, secret));
		} else if (this.#scripts.has(request.url)) {
			response.writeHead(200, { 'content-type': 'text/javascript' }).end(this.#scripts.get(request.url));
		} else {
			response.writeHead(200, { 'content-type': 'text/html' })
				.end(`<!doctype html><link rel="icon" href="data:,"><script type="module" src="${request.url}.mjs"></script>`);
		}
	}

	async #asked(socket, { id, object, method, args }) {
		try {
			const value = await (object === null ? this[`do_${method}`](...args) : this.#objects.get(object)[method](...args));
			socket.send(JSON.stringify({ id, value: this.#told(value) }));
		} catch (error) {
			socket.send(JSON.stringify({ id, error: String(error?.message ?? error) }));
		}
	}

	// An object goes by its number, with what is to be known of it at once.
	#told(value) {
		if (value === null || typeof value !== 'object' || Object.getPrototypeOf(value) === Object.prototype || Array.isArray(value))
			return value;
		this.#objects.set(++this.#last, value);
		return { object: this.#last, id: this.#last, url: value.url, port: value.port };
	}

	do_startServer(options) {
		return startServer({ ...options, settings: { 'realtime.allowed_origins': this.origin, ...options?.settings } });
	}

	do_way(port) {
		return Way.to(port);
	}

	do_result(name, result) {
		this.#results.get(name).told.set(result.name, result);
	}

	do_over(name) {
		this.#results.get(name).over();
	}

	async stop() {
		for (const object of this.#objects.values()) {
			if (object.pgCtl)
				await object.stop();
		}
		this.server.closeAllConnections();
		this.server.close();
	}
}
