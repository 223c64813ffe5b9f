// server.js - a page that shows what the server does: the stream realtime/server, which
// SELECT realtime.devtools() declares.
import { createClient } from '/realtime/client.js';

const $ = (id) => document.getElementById(id);
const kept = 'realtime-devtools-token';
const client = createClient({ token: sessionStorage.getItem(kept) });
const server = client.stream('realtime/server');

// ---- numbers -------------------------------------------------------------------

const plain = (n) => n === null || n === undefined ? '' : Math.abs(n) >= 100 || Number.isInteger(n) ? Math.round(n).toLocaleString('en') : n.toPrecision(2);
const bytes = (n) => n >= 2 ** 20 ? `${plain(n / 2 ** 20)} MB` : `${plain(n / 1024)} kB`;
const time = (ms) => ms === null ? '' : ms >= 1000 ? `${plain(ms / 1000)} s` : `${plain(ms)} ms`;
const part = (n) => `${Math.round(n * 100)} %`;
const sum = (rows, member) => rows.reduce((total, row) => total + Number(row[member]), 0);

function age(at) {
	const s = (Date.now() - Date.parse(at)) / 1000;

	return s < 120 ? `${Math.round(s)} s` : s < 7200 ? `${Math.round(s / 60)} min` : `${Math.round(s / 3600)} h`;
}

// What has been counted since the value before, in a second.
function rates(now, before) {
	const seconds = (now.at - (before?.at ?? now.at)) / 1000;
	const old = new Map((before?.rows ?? []).map((row) => [row.key, row.n]));

	return (key, n) => seconds > 0 && old.has(key) ? Math.max(0, n - old.get(key)) / seconds : 0;
}

let before;

function counted(value) {
	const rows = [
		...['calls', 'frames_in', 'deliveries', 'bytes_out'].map((name) => ({ key: name, n: sum(value.gateways, name) })),
		...value.handlers.map(({ path, kind, calls }) => ({ key: `${kind} ${path}`, n: calls })),
		...value.queries.map(({ path, runs }) => ({ key: `query ${path}`, n: runs })),
	];
	const rate = rates(value, before);

	before = { at: value.at, rows };
	return rate;
}

// ---- tables ----------------------------------------------------------------------

function make(tag, properties = {}, ...children) {
	const element = Object.assign(document.createElement(tag), properties);

	element.append(...children);
	return element;
}

function cell(value) {
	return value instanceof Node ? make('td', {}, value) : make('td', { textContent: value ?? '', title: String(value ?? '') });
}

const bad = (n, text = plain(n)) => n > 0 ? make('span', { className: 'bad', textContent: text }) : text;

function table(title, heads, rows) {
	return rows.length === 0 ? [] : [make('section', {}, make('h2', { textContent: title }), make('table', {},
		make('thead', {}, make('tr', {}, ...heads.map((textContent) => make('th', { textContent })))),
		make('tbody', {}, ...rows.map((row) => make('tr', {}, ...row.map(cell))))))];
}

function number(name, text, isBad = false) {
	return make('li', {}, make('b', { textContent: text, className: isBad ? 'bad' : '' }), make('span', { textContent: name }));
}

// ---- the page --------------------------------------------------------------------

function show(value) {
	const { gateways, executors, pressure, handlers, queries, rooms, connections, limits, breakers } = value;
	const rate = counted(value);
	const total = (name) => rate(name, sum(gateways, name));

	$('numbers').replaceChildren(
		number('connections', plain(sum(gateways, 'connections'))),
		number('subscriptions', plain(sum(gateways, 'subscriptions'))),
		number('calls a second', plain(total('calls'))),
		number('events a second', plain(total('deliveries'))),
		number('sent a second', bytes(total('bytes_out'))),
		number('under way', plain(sum(gateways, 'in_flight'))),
		number('waiting', plain(sum(gateways, 'waiting')), sum(gateways, 'waiting') > 0),
		number('pressure', pressure.reason.toLowerCase().replace('_', ' '), pressure.reason !== 'NONE'));
	$('tables').replaceChildren(
		...table('Calls and streams, by the time that they take', ['path', 'kind', 'a second', 'calls', 'errors', 'mean', 'longest'],
			handlers.map((h) => [h.path, h.kind, plain(rate(`${h.kind} ${h.path}`, h.calls)), plain(h.calls), bad(h.errors), time(h.mean_time), time(h.max_time)])),
		...table('Live queries', ['path', 'groups', 'rows', 'runs a second', 'runs', 'failed', 'events', 'last run'],
			queries.map((q) => [q.path, plain(q.groups), plain(q.rows), plain(rate(`query ${q.path}`, q.runs)), plain(q.runs), bad(q.failures), plain(q.events), time(q.last_time)])),
		...table('Busiest topics', ['topic', 'events a second'], (pressure.top_publishers ?? []).map((t) => [t.topic, plain(t.rate)])),
		...table('Who is there', ['topic', 'present'], rooms.map((r) => [r.topic, plain(r.present)])),
		...table('Gateways', ['gateway', 'state', 'connections', 'accepted', 'refused', 'dropped', 'memory', 'in flight'],
			gateways.map((g) => [plain(g.number), g.state, plain(g.connections), plain(g.accepted), bad(g.refused), bad(g.dropped), bytes(g.memory), plain(g.in_flight)])),
		...table('Executors', ['executor', 'state', 'calls', 'errors', 'again'],
			executors.map((e) => [plain(e.number), e.state, plain(e.calls), plain(e.errors), plain(e.retries)])),
		...table('What is scarce', ['', ''], [['memory', part(pressure.memory)], ['places for requests', part(pressure.executors)],
			['events a second', plain(pressure.publish_rate)], ['topics of a connection', plain(pressure.subscribers)]]),
		...table('Limits that have acted', ['limit', 'is', 'times'], limits.map((l) => [l.name, l.value, plain(l.hits)])),
		...table('Circuit breakers', ['breaker', 'state'], breakers.map((b) => [b.name, b.state === 'healthy' ? b.state : bad(1, b.state)])),
		...table('Newest connections', ['connection', 'gateway', 'user', 'role', 'for', 'topics'],
			connections.map((c) => [c.connection_id.slice(0, 8), plain(c.gateway), c.user_id ?? '–', c.role, age(c.connected_at), plain(c.subscriptions)])));
}

function explain(text) {
	$('closed').textContent = text;
	$('closed').hidden = text === '';
	$('login').hidden = text === '';
}

let shownAt;

server.subscribe((value) => {
	shownAt = value ? Date.now() : undefined;
	if (value)
		show(value);
	explain(value === null ? 'It is switched off: realtime.devtools = on opens it.' : '');
});
server.error.subscribe((error) => error && explain(error.code === 'NOT_FOUND' ?
	'It is not declared: SELECT realtime.devtools() does that.' : `${error.code}: ${error.message}`));
// Who may not see it any more is told nothing new.
setInterval(() => shownAt < Date.now() - 5000 && explain('Nothing new has come for some seconds: perhaps it has been switched off.'), 1000);
client.status.subscribe((status) => { $('status').textContent = status; });
$('login').onsubmit = (event) => {
	event.preventDefault();
	sessionStorage.setItem(kept, $('token').value);
	client.become($('token').value);
};
