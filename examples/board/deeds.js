// deeds.js - what somebody does on the board, and how he takes it back.
//
// A deed is shown at once, sent when there is a connection, and taken back from what is
// shown if the server refuses it.  To undo one is another deed: others see it.
import { uuid } from '../shared/page.js';

const most = 100;

export class Deeds {
	#client;
	#cards;
	#board;
	#failed;
	#done = [];
	#undone = [];
	#tell;
	waiting = new Map();		// id of a card -> deeds that have no answer

	// failed(error): the server has refused one.  tell(): something here has changed.
	constructor(client, cards, board, { failed, tell }) {
		this.#client = client;
		this.#cards = cards;
		this.#board = board;
		this.#failed = failed;
		this.#tell = tell;
	}

	add(row) {
		this.#do({ there: ['add', row], back: ['remove', row] });
	}

	remove(row) {
		this.#do({ there: ['remove', row], back: ['add', row] });
	}

	move(row, to) {
		this.#do({ there: ['move', { ...row, ...to }], back: ['move', row] });
	}

	edit(row, to) {
		this.#do({ there: ['edit', { ...row, ...to }], back: ['edit', row] });
	}

	get canUndo() {
		return this.#done.length > 0;
	}

	get canRedo() {
		return this.#undone.length > 0;
	}

	get waits() {
		return [...this.waiting.values()].reduce((sum, n) => sum + n, 0);
	}

	undo() {
		this.#turn(this.#done, this.#undone, 'back');
	}

	redo() {
		this.#turn(this.#undone, this.#done, 'there');
	}

	#turn(from, to, way) {
		const deed = from.pop();

		if (deed) {
			to.push(deed);
			this.#run(...deed[way]);
		}
	}

	#do(deed) {
		this.#done.push(deed);
		this.#done.splice(0, this.#done.length - most);
		this.#undone = [];
		this.#run(...deed.there);
	}

	// What is sent, and what is hoped for.
	#run(verb, row) {
		const { id, lane, place, title, tint } = row;
		const [args, event, data] = {
			add: () => [[lane, place, title, tint], 'created', row],
			remove: () => [[], 'deleted', { id }],
			move: () => [[lane, place], 'updated', { id, lane, place }],
			edit: () => [[title, tint], 'updated', { id, title, tint }],
		}[verb]();
		const call = this.#client.rpc(`board/${verb}`).with({ idempotencyKey: uuid() });

		this.#count(id, 1);
		this.#cards.mutate(() => call(this.#board, id, ...args), { event, data })
			.catch(this.#failed)
			.finally(() => this.#count(id, -1));
	}

	#count(id, by) {
		const n = (this.waiting.get(id) ?? 0) + by;

		if (n > 0)
			this.waiting.set(id, n);
		else
			this.waiting.delete(id);
		this.#tell();
	}
}
