// Presence when much ends at once; a short run of test/torture/presence.mjs: when gateways are ended while clients
// come and go, those are present afterwards who are connected.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { torturePresence } from '../torture/presence.mjs';
import { startServer, until } from './lib.mjs';

const seed = Number(process.env.RT_SEED || 1);

it(`presence at rest is the connections that exist, whatever gateways end (RT_SEED=${seed})`,
	{ timeout: 300000 }, async (t) => {
		const { failures, counts } = await torturePresence({
			seed, kills: 20, crashes: 10, log: (text) => t.diagnostic(text),
		});

		assert.deepEqual(failures.slice(0, 3), []);
		assert.equal(counts.get('gateways ended') + counts.get('gateways killed, and so the server'), 20);
		assert.ok(counts.get('comings and goings') >= 1000);
	});

it('those who are cut off together leave together, and no executor has to do with it', { timeout: 300000 }, async (t) => {
	const server = await startServer({ settings: { 'realtime.gateways': 2, 'realtime.presence_grace': 0 } });
	const rooms = 10;

	try {
		await server.psql(`CREATE FUNCTION face(room text) RETURNS jsonb STABLE LANGUAGE sql AS $$SELECT '{}'::jsonb$$;
			SELECT realtime.stream('a/here', 'room:{room}', merge => 'presence', presence => 'face(text)')`);
		await server.declared('a/here', ['1']);
		const clients = await Promise.all(Array.from({ length: 300 }, () => server.connect()));
		for (const client of clients)
			client.send({ type: 'hello', caps: ['batch'] });
		await Promise.all(clients.map((client, i) => client.rpc('a/here', [String(i % rooms)], { stream: true })));
		const present = async () => Number(await server.psql('SELECT coalesce(sum(present), 0) FROM realtime.stat_presence'));
		const calls = () => server.psql('SELECT sum(calls) FROM realtime.stat_executor');
		await until(async () => await present() === 300, 'all to be there');

		const staying = clients.slice(0, rooms);
		const before = await calls();
		staying.forEach((client) => { client.frames.length = 0; client.left = new Set(); });
		// at once for the gateways, too, on a machine that does something else
		const gateways = (await server.psql('SELECT pid FROM realtime.stat_gateway')).split('\n').map(Number);
		const stopped = clients.slice(rooms);
		assert.ok(gateways.length === 2 && gateways.every((pid) => pid > 0));
		gateways.forEach((pid) => process.kill(pid, 'SIGSTOP'));
		stopped.forEach(({ socket }) => socket.terminate());
		await Promise.all(stopped.map(({ closed }) => closed));
		gateways.forEach((pid) => process.kill(pid, 'SIGCONT'));
		await until(async () => await present() === rooms, 'the others to be gone');
		await until(() => staying.every((client) => {
			for (const frame of client.frames)
				for (const { event, data } of frame.events ?? [frame])
					if (event === 'leave')
						client.left.add(data.key);
			return client.left.size === 300 / rooms - 1;
		}), 'those who stay to be told');
		const frames = Math.max(...staying.map((client) => client.frames.length));
		t.diagnostic(`${frames} frames, for 29 who leave`);
		assert.ok(frames <= 15, `${frames} frames`);
		assert.equal(await calls(), before);
	} finally {
		await server.stop('immediate');
	}
});

it('one who is not there would be missed', { timeout: 300000 }, async () => {
	const { failures } = await torturePresence({ seed, kills: 1, liar: true });

	assert.match(failures.join(), /room:1: liar=1/);
});
