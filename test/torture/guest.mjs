// guest.mjs - a client that goes in and out of rooms, and knows who it has been
// told is there.
import { token, until } from '../node/lib.mjs';

export class Guest {
	constructor(round, number, user) {
		this.round = round;
		this.number = number;
		this.user = user;
		this.random = round.random(`guest ${number}`);
		this.rooms = new Map();		// room -> who is told to be there, by key
		this.entering = new Map();	// id of a request -> room
	}

	get isOpen() {
		return this.client !== undefined && this.client.closeCode === undefined;
	}

	// Tries until a gateway takes it.
	async come() {
		const headers = { Authorization: `Bearer ${token({ sub: this.user })}` };

		this.rooms.clear();
		this.entering.clear();
		this.client = await until(() => this.round.server.connect({ headers }).catch(() => null), 'a connection');
		const { client } = this;
		client.send({ type: 'hello', caps: this.random.chance(0.5) ? ['batch'] : [] });
		const deliver = client.deliver.bind(client);
		client.deliver = (frame) => {
			if (frame.topic?.endsWith(':presence'))
				return this.apply(frame);
			this.take(frame);
			deliver(frame);
		};
		client.closed.then(() => this.client === client && this.rooms.clear());
	}

	// A value is there before the events behind it.
	take({ topic, event, data }) {
		if (topic !== '__rpc' || !this.entering.has(event))
			return;
		if (data.ok)
			this.rooms.set(this.entering.get(event), new Map(data.data.map((row) => [row.key, row.data])));
		this.entering.delete(event);
	}

	// What a client makes of the events of merge "presence"
	apply({ topic, event, data }) {
		const room = topic.slice(0, -':presence'.length);
		const there = this.rooms.get(room);

		if (event === 'truncated')
			this.enter(room).catch(() => {});
		else if (event === 'join')
			there?.set(data.key, data.data);
		else
			there?.delete(data.key);
	}

	async enter(room) {
		const { client } = this;
		const id = client.newId();

		this.entering.set(id, room);
		const reply = await client.rpc('torture/here', [room.slice('room:'.length)], { id, stream: true });
		// While the server starts there may be no executor yet.
		if (!reply.ok && reply.code !== 'SERVICE_UNAVAILABLE')
			this.round.fail(`guest ${this.number}: ${JSON.stringify(reply)}`);
	}

	leave(room) {
		this.rooms.delete(room);
		this.client.send({ type: 'unsubscribe', topic: `${room}:presence` });
	}

	// One thing or another; a connection that ends meanwhile ends it.
	async act() {
		try {
			await this.random.pick([this.visit, this.visit, this.visit, this.quit, this.reload, this.vanish]).call(this);
		} catch (error) {
			if (this.isOpen)
				throw error;
		}
	}

	async visit() {
		if (!this.isOpen)
			await this.come();
		const room = this.random.pick(this.round.rooms);
		await (this.rooms.has(room) && this.random.chance(0.5) ? this.leave(room) : this.enter(room));
	}

	quit() {
		if (this.isOpen)
			this.rooms.forEach((there, room) => this.leave(room));
	}

	// Cut off without a word, and back at once, where it was
	async reload() {
		const rooms = [...this.rooms.keys()];

		this.vanish();
		await this.come();
		await Promise.all(rooms.map((room) => this.enter(room)));
	}

	vanish() {
		this.rooms.clear();
		this.client?.socket.terminate();
		this.client = undefined;
	}

	// All that it has sent has been done.
	async settle() {
		if (this.isOpen)
			await this.client.rpc('no/such-path').catch(() => {});
	}
}
