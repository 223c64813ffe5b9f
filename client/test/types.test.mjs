// What the server says of itself: modules that work, and types that the compiler of
// TypeScript takes, and no others.
import assert from 'node:assert/strict';
import fs from 'node:fs';
import { after, before, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { createClient, limit, startServer, until, WebSocket } from './lib.mjs';
import { schema } from './types_schema.mjs';
import * as all from '../index.js';
import { createUploads } from '../upload.js';

const root = fileURLToPath(new URL('..', import.meta.url));
let loaded = 0;
let server;

before(async () => {
	server = await startServer({ settings: { 'realtime.serve_modules': 'on' } });
	await server.psql(schema);
}, limit);
after(() => server?.stop());

async function get(path, headers) {
	return server.request(`/realtime/live/${path}`, { headers });
}

const parsed = new Map();		// files of others

// Errors of a program that consists of these files, beside the package's own types.
function compile(files) {
	const options = { strict: true, noEmit: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022,
		moduleResolution: ts.ModuleResolutionKind.Bundler, types: [], lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], skipDefaultLibCheck: true };
	const host = ts.createCompilerHost(options);
	const { readFile, fileExists } = host;
	const place = (name) => name.replace(/^\/made\//, '');

	host.readFile = (name) => files[place(name)] ?? readFile(name);
	host.fileExists = (name) => place(name) in files || fileExists(name);
	host.getSourceFile = (name, target) => {
		const text = host.readFile(name);

		if (text === undefined || name.startsWith('/made/'))
			return text === undefined ? undefined : ts.createSourceFile(name, text, target);
		if (!parsed.has(name))
			parsed.set(name, ts.createSourceFile(name, text, target));
		return parsed.get(name);
	};
	host.resolveModuleNameLiterals = (literals) => literals.map(({ text }) => ({
		resolvedModule: {
			resolvedFileName: text === 'realtime-client' ? `${root}index.d.ts` : text === 'realtime-client/upload' ? `${root}upload.d.ts`
				: text.startsWith('./') ? root + text.slice(2).replace(/\.js$/, '.d.ts') : `/made/${text.replace('$live/', '')}.d.ts`,
			extension: '.d.ts',
		},
	}));
	const program = ts.createProgram(Object.keys(files).map((name) => `/made/${name}`), options, host);

	return ts.getPreEmitDiagnostics(program).map((found) => {
		const { line = 0 } = found.file?.getLineAndCharacterOfPosition(found.start ?? 0) ?? {};

		return `${found.file?.fileName}:${line + 1}: ${ts.flattenDiagnosticMessageText(found.messageText, ' ')}`;
	});
}

const uses = `
import * as todo from '$live/todo';
import * as board from '$live/board';
import * as shop from '$live/shop';
import * as film from '$live/film';
import { purge } from '$live/todo/admin';
import type { Bytes } from 'realtime-client/upload';
import { combine, quiescent, status } from 'realtime-client';
import type { Int8, Numeric, Cursor, Person, Rpc, Status, StreamFactory, Upload } from 'realtime-client';

type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(...equal: Equal<A, B> extends true ? [] : [never]): void;
type Result<F> = F extends (...args: any[]) => Promise<infer T> ? T : never;
type Value<F> = F extends StreamFactory<infer T, any> ? T : never;
type Args<F> = F extends StreamFactory<any, infer T> ? T : F extends (...args: infer T) => any ? T : never;

// rows
declare const row: todo.Todo;
same<typeof row.id, Int8>();
same<typeof row.title, string>();
same<typeof row.note, string | null>();
same<typeof row.mood, 'sad' | 'so "so"' | 'happy' | null>();
same<typeof row.tags, string[]>();
same<(typeof row)['odd col'], Numeric | null>();
same<typeof row.made, string>();
same<keyof todo.Todo, 'id' | 'list' | 'title' | 'note' | 'mood' | 'tags' | 'odd col' | 'done' | 'made' | 'more'>();
// @ts-expect-error there is no such column any more
row.gone;

// calls
same<Args<typeof todo.add>, [list: number | null, title: string | null, note?: string | null, ...tags: string[]]>();
same<Result<typeof todo.add>, todo.Todo>();
same<Args<typeof todo.count>, [list: number]>();
same<Result<typeof todo.count>, Int8>();
same<Args<typeof todo.title>, [id: Int8 | bigint]>();
same<Result<typeof todo.title>, string | null>();
same<Result<typeof todo.clear>, void>();
same<Result<typeof todo.all>, todo.Todo[]>();
same<Result<typeof todo.stats>, { mood: todo.Mood | null; n: Int8; latest: string | null }[]>();
same<Result<typeof todo.outs>, { b: number | null; c: string | null; d: string }>();
same<Result<typeof todo.sums>, Numeric[] | null>();
same<Result<typeof todo.mail>, string | null>();
same<Result<typeof todo.moods>, (todo.Mood)[]>();
same<Args<typeof todo.mail>, [address: string | null, title: string]>();
todo.add(1, 'milk');
todo.add(1, 'milk', null, 'a', 'b');
todo.title(7n);
todo.delete_(7);
todo.move({ x: 1, label: 'here' }, [{ y: 7 }, {}]);
todo.move(null);
todo.echo({ any: ['thing'] });
todo.odd_name(1), todo.odd_name_(1), todo._1st(1), todo.realtime_(1), todo.empty_(1), todo.__rpc_(1);
purge(3);
// @ts-expect-error a list is a number
todo.add('one', 'milk');
// @ts-expect-error the title is missing
todo.add(1);
// @ts-expect-error tags are texts
todo.add(1, 'milk', null, 7);
// @ts-expect-error STRICT functions take no null
todo.count(null);
// @ts-expect-error the domain takes no null
todo.mail('a@b', null);
// @ts-expect-error there is no such label
const mood: todo.Mood = 'glad';
// @ts-expect-error nothing is declared so
todo.nothing();
// @ts-expect-error it is in another module
todo.purge(3);

// bytes
same<Args<typeof todo.picture>, [bytes: Bytes | Blob, name: string | null, at?: number | null]>();
same<Result<typeof todo.picture>, Int8 | null>();
todo.film(new Blob([]), 'a').on('progress', ({ percent }) => percent?.toFixed());
same<typeof todo.film, Upload<[name: string | null], string>>();
todo.film.with({ frameSize: 5 })('x', 'a').then((title) => title.trim());
film.add('x', null);
// @ts-expect-error bytes come first
todo.picture('a', 7);
// @ts-expect-error the name is missing
todo.film('x');

// streams
same<Args<typeof todo.list>, [list: number | null]>();
same<Value<typeof todo.list>, todo.Todo[]>();
same<Value<typeof todo.sum>, Int8>();
same<Value<typeof todo.latest>, any[]>();
same<Value<typeof todo.shown>, any[]>();
same<Args<typeof todo.typing>, [list: string | number, who: string | number]>();
same<Value<typeof todo.log>, any[]>();
same<Value<typeof todo.people>, Person[]>();
same<Args<typeof todo.people>, [arg1: string | number]>();
same<Value<typeof todo.found>, todo.Todo[]>();
same<Args<typeof todo.titles>, [arg1: number | null]>();
same<Value<typeof todo.titles>, todo.TitlesRow[]>();
same<todo.TitlesRow, { id: Int8; title: string; name: string | null; who: string; bare: boolean; more: any }>();
same<Value<typeof todo.pairs>, (todo.PairsRow & { _key: string })[]>();
todo.list(1).subscribe((rows) => rows?.[0]?.title.length);
// @ts-expect-error it may be null
todo.list(1).subscribe((rows) => rows?.[0]?.note.length);
// @ts-expect-error a list is a number
todo.list('one');
todo.add.createOptimistic(todo.list(1), (rows, [, title]) => [...rows, { ...row, title: title ?? '' }]);

// stores that are made of stores
const both = combine(todo.list(1), shop.visits, (rows, visits) => [rows?.length, visits?.n] as const);
same<typeof both.current, readonly [number | undefined, Int8 | undefined]>();
const four = combine(todo.list(1), shop.visits, board.room.presence(1), status, (rows, visits, people, state) => ({ rows, visits, people, state }));
same<typeof four.current, { rows: todo.Todo[] | undefined; visits: { n: Int8 } | undefined; people: Person[] | undefined; state: Status }>();
const seven = combine(status, status, status, status, status, status, quiescent, (...values) => values);
same<typeof seven.current, [Status, Status, Status, Status, Status, Status, boolean]>();
// @ts-expect-error visits are no list
combine(todo.list(1), shop.visits, (rows, visits) => visits?.length);
// @ts-expect-error there are only two
combine(todo.list(1), status, (rows, state, third) => third);

// aggregates
same<Value<typeof shop.visits>, { n: Int8 }>();
same<Value<typeof shop.sales.all>, { n: Int8; total: Numeric | null; 'latest day': string | null }>();
same<Value<typeof shop.sales.last10min>, Value<typeof shop.sales.all>>();
same<Args<typeof shop.sales.all>, []>();
same<keyof typeof shop.sales.current, 'all' | 'last10min'>();
shop.sales.subscribe(({ last10min }) => last10min?.total);
// @ts-expect-error there is no such window
shop.sales.today;

// rooms
same<Value<typeof board.room.data>, board.Todo[]>();
same<Value<typeof board.room.presence>, Person[]>();
same<Value<typeof board.room.cursors>, Cursor[]>();
same<Args<typeof board.room.pin>, [list: number | null, id: Int8 | bigint | null, at?: number | null]>();
same<typeof board.room.pin, Rpc<[list: number | null, id: Int8 | bigint | null, at?: number | null], number>>();
// @ts-expect-error there is no such action
board.room.unpin(1);
todo.empty.subscribe(() => {});
`;

it('has types that the compiler takes, and that say what comes', limit, async () => {
	const files = { 'uses.ts': uses };

	for (const name of ['todo', 'board', 'shop', 'film', 'todo/admin'])
		files[`${name}.d.ts`] = (await get(`${name}.d.ts`)).body;
	assert.deepEqual(compile(files), []);
	// the compiler is asked, indeed
	assert.equal(compile({ ...files, 'uses.ts': uses.replaceAll('@ts-expect-error', '') }).length, uses.split('@ts-expect-error').length - 1);
});

it('has all of them in one file, too', limit, async () => {
	const all = await server.psql('SELECT realtime.typescript()');

	assert.equal((await server.request('/realtime/live.d.ts')).body, `${all}\n`);
	assert.deepEqual(all.match(/^declare module .*$/gm), ['todo', 'board', 'shop', 'film', 'pay', 'todo/admin'].sort().map((name) => `declare module "$live/${name}" {`));
	assert.deepEqual(compile({ 'live.d.ts': all, 'uses.ts': uses.replaceAll("'$live/", "'$live/") }).filter((line) => !/\$live/.test(line)), []);
});

it('has comments for editors', limit, async () => {
	const { body } = await get('todo.d.ts');

	assert.match(body, /\/\*\* Something to do\. \*\/\nexport interface Todo \{/);
	assert.match(body, /\t\/\*\*\n\t \* Whatever else\n\t \* there is to say \* \/ about it\.\n\t \*\/\n\tnote: string \| null;/);
	assert.match(body, /\/\*\* Adds something to do\. \*\/\nexport const add:/);
	assert.match(body, /\/\*\* With an @\. \*\/\nexport type Email = string;/);
	assert.match((await get('board.d.ts')).body, /\t\/\*\* Pins it\. \*\/\n\treadonly pin:/);
	// of two types with one name each has that of its schema
	assert.match(body, /export interface AppPlace \{[^}]*todos: Todo\[\] \| null;\n\}\n/);
	assert.match(body, /export interface ShopPlace/);
});

function imported(text) {
	return `data:text/javascript,${encodeURIComponent(text)}`;
}

// The module as it is served, with a client of its own instead of the page's, which
// has no end.
async function load(name) {
	const { body, status } = await get(`${name}.js`);
	// another one each time: a module is made once
	const own = `const { client, bytes } = globalThis;	// ${++loaded}
		export const __rpc = (...how) => client.rpc(...how), __stream = (...how) => client.stream(...how), empty = client.empty;
		export const __aggregate = (...how) => client.aggregate(...how), __binaryRpc = (path) => bytes.binary(path), __upload = (path) => bytes.upload(path);`;
	const lines = [...body.matchAll(/^import \{ (.*) \} from "(.*)";$/gm)];

	assert.equal(status, 200);
	for (const [, names, from] of lines) {
		const entry = await import(`..${from.replace('/realtime/client.js', '/index.js').replace('/realtime/client/', '/')}`);
		assert.ok(names.split(', ').every((made) => made in entry), `${names} are in ${from}`);
	}
	return import(imported(body.replace(/from "\/realtime\/.*"/g, `from ${JSON.stringify(imported(own))}`)));
}

it('has modules that work', limit, async (t) => {
	const client = globalThis.client = createClient({ url: server.url, WebSocket });

	client.empty = all.empty;
	globalThis.bytes = createUploads(client);
	t.after(() => client.close());
	const todo = await load('todo');
	const board = await load('board');

	const seen = [];
	const leave = todo.list(1).subscribe((rows) => seen.push(rows));
	await until(() => seen.at(-1)?.length === 0, 'an empty list');
	const row = await todo.add(1, 'milk', 'of a cow', 'a', 'b');
	await until(() => todo.list(1).current?.length === 1, 'the row');
	assert.deepEqual(todo.list(1).current[0], row);
	assert.deepEqual(Object.keys(row).sort(), ['done', 'id', 'list', 'made', 'mood', 'more', 'note', 'odd col', 'tags', 'title']);
	assert.equal(await todo.count(1), 1);
	assert.deepEqual(await todo.outs(7, 'x'), { b: 7, c: 'x', d: 'x' });
	assert.equal(await todo.delete_(row.id), true);
	assert.equal(await todo.odd_name(3), 3);
	assert.equal(await board.room.pin(1, 2), 7);
	assert.equal(await todo.picture(new Uint8Array(5), 'a'), 5);
	assert.equal(await todo.film(new Blob(['abc']), 'film '), 'film 3');
	assert.equal(await (await load('film')).add('abcd', 'film '), 'film 4');
	const people = [];
	const go = board.room.presence(1).subscribe((list) => people.push(list));
	await until(() => people.at(-1)?.length === 1, 'somebody in the room');
	assert.equal(todo.empty.current, undefined);
	go();
	leave();
});

it('has the windows of an aggregate, each by itself and all together', limit, async (t) => {
	const client = globalThis.client = createClient({ url: server.url, WebSocket });

	t.after(() => client.close());
	const { sales, visits } = await load('shop');
	const seen = { together: [], one: [] };
	const stops = [sales.subscribe((value) => seen.together.push(value)), sales.last10min.subscribe((value) => seen.one.push(value)), visits.subscribe(() => {})];

	await until(() => seen.together.at(-1).all?.n === 0 && visits.current?.n === 0, 'the values of nothing');
	await server.psql(`SELECT realtime.publish('orders', 'sold', '{"amount": 7}')`);
	await until(() => seen.together.at(-1).last10min?.n === 1 && seen.together.at(-1).all?.n === 1, 'both windows');
	assert.deepEqual([seen.one.at(-1).total, sales.current.all.total, sales.all.current.total], [7, 7, 7]);
	stops.forEach((stop) => stop());
	const named = client.aggregate('shop/sales');
	stops[0] = named.subscribe(() => {});
	await until(() => named.current.all?.n === 1, 'the whole, which needs no names');
	stops[0]();
});

it('has keys for calls whose answers are kept', limit, async () => {
	const { body } = await get('pay.js');

	assert.match(body, /export const once = .*__rpc\("pay\/once", \{"idempotent": true\}\);/);
	assert.match(body, /export const keyed = .*__rpc\("pay\/keyed", \{"idempotent": true\}\);/);
	assert.match(body, /export const shared = .*__rpc\("pay\/shared"\);/, 'not for who keeps none');
});

it('imports the client and what is beside it from wherever that is', limit, async () => {
	const from = async (client) => [...(await server.psql(`SELECT realtime.client_module('todo', '${client}')`)).matchAll(/ from (.*);/g)].map(([, name]) => name);

	assert.deepEqual(await from('/realtime/client.js'), ['"/realtime/client.js"', '"/realtime/client/upload.js"']);
	assert.deepEqual(await from('realtime-client'), ['"realtime-client"', '"realtime-client/upload"']);
	assert.match(await server.psql("SELECT realtime.client_module('film')"), /^import \{ empty \} from "\/realtime\/client\.js";\nimport \{ __upload \} from /m);
});

it('is told apart by what it says', limit, async () => {
	const { headers: { etag }, body } = await get('todo.js');

	assert.equal((await get('todo.js', { 'if-none-match': etag })).status, 304);
	assert.equal(body, await server.psql("SELECT realtime.client_module('todo')").then((text) => `${text}\n`));
	await server.psql("COMMENT ON FUNCTION app.clear IS 'Clears a list.'");
	assert.equal((await get('todo.js', { 'if-none-match': etag })).status, 304, 'a module has no comments');
	await server.psql("SELECT realtime.rpc('todo/another', 'app.clear'::regproc)");
	await until(async () => (await get('todo.js', { 'if-none-match': etag })).status === 200, 'a new module');
	assert.match((await get('todo.js')).body, /export const another = /);
	await server.psql("SELECT realtime.drop('todo/another')");
	await until(async () => (await get('todo.js', { 'if-none-match': etag })).status === 304, 'the one of before');
});

it('is not there where nothing is declared, or if the address is another', limit, async () => {
	for (const name of ['nothing.js', 'nothing.d.ts', 'todo/add.js'])
		assert.deepEqual([(await get(name)).status, JSON.parse((await get(name)).body).code], [404, 'NOT_FOUND'], name);
	for (const name of ['', 'todo', 'todo.ts', '.js', '.d.ts', 'a%20b.js', 'to%22do.js', '../client/x.js', `${'x'.repeat(300)}.js`])
		assert.equal((await get(name)).status, 404, name);
	assert.equal((await get('todo.js', { origin: 'https://other.example' })).status, 403);
	assert.equal((await server.request('/realtime/live/todo.js', { method: 'POST' })).status, 405);
	assert.equal((await get('todo.js', { authorization: 'Bearer nonsense' })).status, 200, 'it is the same for all');
});

it('is served only where the setting says so', limit, async () => {
	const is = (value) => until(async () => (await get('todo.js')).status === value, `status ${value}`);

	server.configure({ 'realtime.serve_modules': 'development' });
	await server.reload();
	await is(404);
	server.configure({ 'realtime.mode': 'development' });
	await server.reload();
	await is(200);
	server.configure({ 'realtime.serve_modules': 'off' });
	await server.reload();
	await is(404);
	assert.match((await get('todo.js')).body, /realtime\.serve_modules/);
});
