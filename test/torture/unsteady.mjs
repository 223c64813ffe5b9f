// unsteady.mjs - a client that is killed at random, connects again, and at times
// does not read for a while.
//
// What it does on a connection is its class's: greet(), once it is open, and
// receive(frame).
import { WebSocket, sleep, until } from '../node/lib.mjs';

// Answers that a client gets from a server whose processes die
export const transient = ['OVERLOADED', 'SERVICE_UNAVAILABLE', 'INTERNAL_ERROR', 'NOT_FOUND', 'TIMEOUT'];

export class UnsteadyClient {
	// life: frames that it receives at most before it is killed
	constructor(round, name, life) {
		this.round = round;
		this.name = name;
		this.life = life;
		this.random = round.random(name);
		this.lastId = 0;
	}

	fail(text) {
		this.round.fail(`${this.name}: ${text}`);
	}

	newId() {
		return `s${++this.lastId}`;
	}

	async run() {
		while (!this.round.over) {
			await this.connect();
			if (!this.round.over)
				await sleep(this.random.chance(0.5) ? 0 : this.random.between(1, 100));
		}
	}

	// Opens a connection; resolves when it is closed.
	connect() {
		const socket = new WebSocket(this.round.url, { perMessageDeflate: false, handshakeTimeout: 5000 });

		this.socket = socket;
		// Some die soon, with all they have asked for unanswered.
		this.framesToLive = this.random.between(1, this.random.chance(0.2) ? 20 : this.life);
		this.begin();
		socket.on('open', () => {
			this.round.count('connections');
			this.greet();
		});
		socket.on('message', (data) => {
			// What was received before it died, it has not read.
			if (this.socket === socket)
				this.receive(JSON.parse(data.toString()));
		});
		socket.on('error', () => {});
		return new Promise((resolve) => { socket.once('close', resolve); });
	}

	close() {
		this.socket?.close();
	}

	send(frame) {
		if (this.socket?.readyState === WebSocket.OPEN)
			this.socket.send(JSON.stringify(frame));
	}

	die() {
		const { socket } = this;

		this.round.count('clients killed');
		this.socket = null;
		socket.terminate();
	}

	// Does not read for a while
	async doze() {
		const { socket } = this;

		this.round.count('slow readers');
		socket.pause();
		await sleep(this.random.between(100, 1500));
		socket.resume();
	}

	// Does something a while later, if it is still the same connection.
	async later(action) {
		const { socket } = this;

		await sleep(this.random.between(10, 100));
		if (this.socket === socket)
			action();
	}

	// Waits until the server has sent all it had to send: an answer comes behind it.
	async settle() {
		const id = this.newId();

		this.send({ rpc: 'no/such-path', id, args: [] });
		await until(() => this.settled === id, 'an answer').catch((error) => this.fail(error.message));
	}
}
