// The plugin for Vite, with Vite: modules for pages, for what is rendered on servers and
// in builds; types for editors; another page when what is declared changes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { build, createServer } from 'vite';
import realtime from '../vite.js';
import { createClient, limit, patience, startServer, turn, until, WebSocket } from './lib.mjs';

const here = fileURLToPath(new URL('..', import.meta.url));
const root = fs.mkdtempSync(path.join(os.tmpdir(), 'rt-vite-'));
const file = (name) => path.join(root, name);
const read = (name) => fs.existsSync(file(name)) ? fs.readFileSync(file(name), 'utf8') : '';
let server;
let dev;
let url;

before(async () => {
	server = await startServer({ settings: { 'realtime.serve_modules': 'on' } });
	await server.psql(`
		CREATE TABLE note (id integer PRIMARY KEY, text text NOT NULL);
		GRANT ALL ON note TO realtime_anonymous;
		CREATE FUNCTION add_note(id integer, text text) RETURNS void LANGUAGE sql AS $$ INSERT INTO note VALUES (id, text) $$;
		SELECT realtime.rpc('note/add', 'add_note(integer,text)'), realtime.query('note/all', 'SELECT * FROM note ORDER BY id');
		CREATE FUNCTION length_of(payload bytea) RETURNS integer LANGUAGE sql AS $$ SELECT length(payload) $$;
		SELECT realtime.binary('note/scan', 'length_of(bytea)'), realtime.aggregate('note/count', 'notes', 'notes-count', realtime.reducer('n', 'count(*)'));
		SELECT realtime.aggregate_window('note/count', 'today', 'tumbling', period => 'day');
		SELECT realtime.rpc('shop/admin/add', 'add_note(integer,text)');
		CREATE FUNCTION own_rows() RETURNS SETOF note LANGUAGE sql AS 'SELECT * FROM note';
		CREATE FUNCTION "__proto__"(id integer) RETURNS integer LANGUAGE sql AS 'SELECT id';
		SELECT realtime.rpc('own/__client', 'add_note(integer,text)'), realtime.rpc('own/__create', 'add_note(integer,text)'),
			realtime.binary('own/__createUploads', 'length_of(bytea)'), realtime.room('own/room', 'rooms', 'own_rows()', actions => '{__proto__(integer)}')`);
	url = `http://127.0.0.1:${server.port}`;
	fs.mkdirSync(file('src'));
	fs.mkdirSync(file('node_modules'));
	fs.symlinkSync(here, file('node_modules/realtime-client'));
	fs.writeFileSync(file('index.html'), '<script type="module" src="/src/main.js"></script>');
	fs.writeFileSync(file('src/main.js'), "import { add, all } from '$live/note';\nimport { add as order } from '$live/shop/admin';\nadd(1, 'x');\norder(1, 'x');\nall.subscribe(console.log);\n");
	fs.writeFileSync(file('src/render.js'), "import { add, all, count, empty, scan } from '$live/note';\nexport { add, all, count, empty, scan };\n");
	fs.writeFileSync(file('src/own.js'), "export * from '$live/own';\n");
	dev = await createServer(config({ url, poll: 50 }));
	await dev.listen();
}, limit);
after(async () => {
	await dev?.close();
	await server?.stop();
	fs.rmSync(root, { recursive: true, force: true });
});

function config(options) {
	return { root, configFile: false, logLevel: 'silent', server: { port: 0, host: '127.0.0.1' }, build: { minify: false, modulePreload: { polyfill: false } },
		plugins: [realtime(options)] };
}

it('has modules for pages', limit, async () => {
	const { code } = await dev.transformRequest('/src/main.js');
	const [, name] = /from "([^"]*live\/note[^"]*)"/.exec(code);
	const { code: module } = await dev.transformRequest('\0$live/note');

	assert.match(name, /\$live\/note/);
	assert.match(module, /export const add = .*__rpc\("note\/add"\)/);
	assert.match(module, /__binaryRpc.*client\/upload\.js"/);
	assert.match(module, /from "\/@fs\/.*client\/index\.js"|from "\/node_modules\/realtime-client\/index\.js"/);
	await assert.rejects(dev.transformRequest('\0$live/nothing'), /nothing is declared in module "nothing"/);
});

it('says what may be a mistake to who develops a page, and has the overlay if that is wanted', limit, async () => {
	const plugin = realtime({ url, devtools: true });
	const [hosted, built] = [{ root, command: 'serve' }, { root, command: 'build' }];
	const first = async (command, ssr) => {
		plugin.configResolved(command);
		return (await plugin.load('\0$live/note', { ssr })).split('\n')[0];
	};

	assert.equal(await first(hosted, false), "import '$live/@dev';");
	assert.match(await first(hosted, true), /^\/\/ Module/);
	assert.match(await first(built, false), /^\/\/ Module/);
	const text = (options) => realtime({ url, ...options }).load(plugin.resolveId('$live/@dev'));

	assert.match(await text({ devtools: true }), /configure\(\{ dev: true, \.\.\.inspect\(\) \}\)/);
	assert.match(await text(), /configure\(\{ dev: true \}\)/);
	assert.doesNotMatch(await text(), /devtools/);
	assert.match((await dev.transformRequest('\0$live/note')).code, /@dev/);
	assert.match((await dev.transformRequest('\0$live/@dev')).code, /configure\(\{ dev: true \}\)/);
});

it('has the same on servers, where it connects to nothing', limit, async () => {
	const { add, all, count, empty, scan } = await dev.ssrLoadModule('/src/render.js');

	assert.equal(all.current, undefined);
	assert.deepEqual(all.hydrate([{ id: 1, text: 'x' }]).current, [{ id: 1, text: 'x' }]);
	assert.equal(empty.current, undefined);
	await assert.rejects(add(1, 'x'), { code: 'DISCONNECTED' });
	await assert.rejects(scan('x'), { code: 'DISCONNECTED' });
	assert.deepEqual(count.current, { all: undefined, today: undefined });
});

it('has what is named as its own names are', limit, async () => {
	const { __client_: first, __create_: second, __createUploads_: third, room } = await dev.ssrLoadModule('/src/own.js');

	assert.deepEqual([first, second].map(({ path: name }) => name), ['own/__client', 'own/__create']);
	await assert.rejects(third('x'), { code: 'DISCONNECTED' });
	assert.equal(Object.getPrototypeOf(room), Object.prototype);
	assert.equal(Object.getOwnPropertyDescriptor(room, '__proto__').value.path, 'own/room/__action/__proto__');
});

it('writes types for editors', limit, async () => {
	await until(() => /declare module "\$live\/note"/.test(read('src/live.d.ts')), 'the types', patience);
	assert.match(read('src/live.d.ts'), /\texport const add: realtime\.Rpc<\[id: number \| null, text: string \| null\], void>;/);
});

it('is the server of pages, too', limit, async (t) => {
	const { port } = dev.httpServer.address();
	const client = createClient({
		url: `ws://127.0.0.1:${port}/ws`,
		WebSocket: class extends WebSocket {
			constructor(address, protocols) {
				super(address, protocols, { origin: `http://127.0.0.1:${port}` });	// as browsers say it
			}
		},
	});

	t.after(() => client.close());
	await client.rpc('note/add')(7, 'through the dev server');
	assert.equal(await server.psql('SELECT count(*) FROM note'), '1');
});

it('reloads pages when what is declared changes', limit, async () => {
	const sent = [];
	const { send } = dev.ws;

	await dev.transformRequest('\0$live/note');
	dev.ws.send = (...message) => sent.push(message[0]);
	await server.psql("SELECT realtime.rpc('note/another', 'add_note(integer,text)')");
	await until(() => sent.some(({ type }) => type === 'full-reload'), 'a reload', patience);
	dev.ws.send = send;
	assert.match((await dev.transformRequest('\0$live/note')).code, /export const another = /);
	await until(() => /another/.test(read('src/live.d.ts')), 'the types of it', patience);
	await server.psql("SELECT realtime.drop('note/another')");
});

it('looks at the others when a module is gone', async () => {
	const { fetch } = globalThis;
	const said = [];
	const sent = [];
	let text = 'export const a = 1;';
	let isGone = false;
	const plugin = realtime({ url: 'http://fake.example', poll: 1, types: false });

	globalThis.fetch = async (address, ...how) => {
		const { host, pathname } = new URL(address);

		if (host !== 'fake.example')
			return fetch(address, ...how);
		return !isGone || !pathname.endsWith('/gone.js') ? new Response(text, { headers: { etag: text } })
			: new Response('none', { status: 404 });
	};
	plugin.configResolved({ root, command: 'serve' });
	for (const name of ['gone', 'here'])
		await plugin.load(`\0$live/${name}`);
	text = 'export const other = 2;';
	isGone = true;
	plugin.configureServer({ config: { logger: { info: (line) => said.push(line) } }, ws: { send: ({ type }) => sent.push(type) },
		moduleGraph: { getModuleById: (id) => sent.push(id) && undefined } });
	await until(() => sent.length > 1, 'the page to be reloaded', patience);
	plugin.buildEnd();
	globalThis.fetch = fetch;
	assert.deepEqual(sent.slice(0, 2), ['\0$live/here', 'full-reload']);
	assert.match(said[0], /nothing is declared in module "gone"/);
});

it('looks no more when the dev server is closed', limit, async () => {
	const asked = [];
	const { fetch } = globalThis;
	const plugin = realtime({ url: 'http://slow.example', poll: 1 });

	globalThis.fetch = (address, ...how) => String(address).startsWith('http://slow.example')
		? new Promise((resolve, reject) => { asked.push(reject); }) : fetch(address, ...how);
	plugin.configResolved({ root, command: 'serve' });
	plugin.configureServer({ config: { logger: { info() {} } } });
	await until(() => asked.length === 1, 'it to look', patience);
	plugin.buildEnd();
	asked[0](new Error('late'));
	for (let i = 0; i < 10; i++)
		await turn();
	globalThis.fetch = fetch;
	assert.equal(asked.length, 1);
});

it('is built, from the server or from files that it has written', limit, async () => {
	const text = async (options) => {
		const { output: [chunk] } = await build({ ...config(options), build: { write: false, minify: false } });

		return chunk.code;
	};
	const online = await text({ url, types: false });

	assert.match(online, /__rpc\("note\/add"\)/);
	assert.doesNotMatch(online, /\$live|\/realtime\/client[./]/);
	await assert.rejects(text({ url: 'http://127.0.0.1:1', types: false }), /there is no server at/);
	assert.equal(run('--url', url, '--modules', 'src/live').status, 0);
	assert.equal(await text({ url: 'http://127.0.0.1:1', modules: 'src/live' }), online);
});

function run(...options) {
	return spawnSync(process.execPath, [`${here}bin/types.js`, ...options], { cwd: root, encoding: 'utf8',
		env: { ...process.env, PATH: `${process.env.PG_BINDIR ?? ''}:${process.env.PATH}`, PGHOST: server.dir, PGUSER: 'postgres' } });
}

it('has a command for CI', limit, async () => {
	assert.equal(run('--url', url).status, 0);
	assert.equal(run('--url', url, '--modules', 'src/live', '--check').stderr, '');
	assert.equal(run('--url', url, '--out', '-').stdout, read('src/live.d.ts'));
	assert.equal(run('--database', 'postgres', '--out', '-').stdout, read('src/live.d.ts'));
	assert.equal(run('--database', 'postgres', '--modules', 'src/live', '--check').stderr, '');
	await server.psql("SELECT realtime.rpc('note/fourth', 'add_note(integer,text)')");
	const { status, stderr } = run('--database', 'postgres', '--check');

	assert.deepEqual([status, stderr], [1, 'src/live.d.ts is not what is declared\n']);
	assert.equal(run('--url', 'http://127.0.0.1:1').status, 1);
	assert.match(run('--wrong').stderr, /unknown option --wrong/);
	await server.psql("SELECT realtime.drop('note/fourth')");
});
