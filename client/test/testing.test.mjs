// The client for tests of applications: that its network does what it says.
import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { createTestClient, refusal, until } from '../testing.js';
import { limit, patience, secret, startServer, WebSocket } from './lib.mjs';

let server;
const all = [];

before(async () => {
	server = await startServer({ settings: { 'realtime.jwt_secret': secret } });
	await server.psql(`
		CREATE TABLE note (id integer PRIMARY KEY, text text);
		GRANT ALL ON note TO realtime_anonymous, realtime_authenticated;
		CREATE FUNCTION add_note(id integer, text text) RETURNS text LANGUAGE sql AS $$ INSERT INTO note VALUES (id, text); SELECT realtime.user_id() $$;
		CREATE FUNCTION notes() RETURNS SETOF note STABLE LANGUAGE sql AS 'SELECT * FROM note ORDER BY id';
		CREATE FUNCTION known() RETURNS boolean STABLE LANGUAGE sql AS 'SELECT realtime.user_id() IS NOT NULL';
		SELECT realtime.rpc('note/add', 'add_note(integer,text)', guard => '{known()}'), realtime.stream('note/all', 'notes', 'notes()');
		SELECT realtime.live_table('note', 'notes')`);
	await server.declared('note/add', [0, 'x']);
}, limit);
after(async () => {
	all.forEach(({ close }) => close());
	await server?.stop();
});

function make(options = {}) {
	const made = createTestClient({ url: server.url, WebSocket, claims: { sub: 'ann' }, secret, ...options });

	all.push(made);
	return made;
}

const insert = (id) => server.psql(`INSERT INTO note VALUES (${id}, 'from elsewhere')`);
const has = (id) => (rows) => rows?.some((row) => row.id === id);

it('calls as somebody, and says with what it is refused', limit, async () => {
	assert.equal(await make().call('note/add', 1, 'mine'), 'ann');
	const nobody = make({ claims: undefined });

	assert.equal((await refusal(nobody.call('note/add', 2, 'x'), 'UNAUTHENTICATED')).code, 'UNAUTHENTICATED');
	await assert.rejects(refusal(nobody.call('note/add', 2, 'x')), /expected FORBIDDEN, but got UNAUTHENTICATED/);
	await assert.rejects(refusal(make().call('note/add', 3, 'x')), /expected FORBIDDEN, but got "ann"/);
});

it('waits for a store', limit, async () => {
	const notes = make().follow('note/all');

	await until(notes, has(1), patience);
	await assert.rejects(until(notes, has(-1), 30), /waited 30 ms; the value is \[\{"id":1,/);
	await assert.rejects(until(notes, () => { throw new Error('mine'); }), /mine/);
});

it('can be cut off, and comes back', limit, async () => {
	const { client, network, follow } = make();
	const notes = follow('note/all');
	const leave = notes.subscribe(() => {});

	await until(notes, has(1), patience);
	network.shut();
	assert.equal(network.sockets.size, 0);
	await until(client.status, (status) => status !== 'open', patience);
	await insert(10);
	assert.equal(has(10)(notes.current), false);
	network.open();
	await until(notes, has(10), patience);
	network.cut();
	await insert(11);
	await until(notes, has(11), patience);
	leave();
});

it('can be held up, and slow', limit, async () => {
	const { network, call, follow } = make();
	const notes = follow('note/all');
	const leave = notes.subscribe(() => {});

	await until(notes, has(1), patience);
	network.hold();
	const answer = call('note/add', 20, 'later');
	let isThere = false;

	answer.then(() => { isThere = true; });
	await insert(21);
	assert.equal(isThere, false);
	network.delay(1);
	network.release();
	await answer;
	await until(notes, (rows) => has(20)(rows) && has(21)(rows), patience);
	leave();
});

it('can lose events, the same ones each time', limit, async () => {
	const { network, follow } = make();
	const notes = follow('note/all');
	const leave = notes.subscribe(() => {});

	await until(notes, has(1), patience);
	network.lose();
	await insert(30);
	await insert(31);
	await until(notes, has(31), patience);
	assert.equal(has(30)(notes.current), false);
	assert.equal(network.lost, 1);
	network.cut();
	await until(notes, has(30), patience);
	leave();

	const lost = [1, 1, 2].map((seed) => {
		network.loseSome(0.5, seed);
		return Array.from({ length: 40 }, (_, i) => network.lets(`{"topic":"a","event":"b","data":${i}}`) === undefined);
	});

	assert.deepEqual(lost[0], lost[1]);
	assert.notDeepEqual(lost[0], lost[2]);
	const answer = '{"topic":"__rpc","event":"1","data":{}}';
	assert.equal(network.lets(answer), answer, 'answers are not');
	network.loseSome(0);
	const event = (n) => `{"topic":"a","event":"b","data":${n}}`;
	const batch = (...list) => `{"type":"batch","events":[${list.map(event).join()}]}`;
	network.lose(2);
	assert.equal(network.lets(batch('1', '2', '9007199254740993')), batch('9007199254740993'), 'nor is what comes in one frame with them');
});
