// rows.js - rows by key, in an order: each change takes the same time, however
// many there are.

export class Rows {
	#nodes = new Map();			// by the key's text
	#head = { key: null };		// before the first; the list is a ring through it
	#array;						// their order, until a row goes or moves; nodes say where they are

	constructor() {
		this.#head.next = this.#head.previous = this.#head;
	}

	get size() {
		return this.#nodes.size;
	}

	get(key) {
		return this.#nodes.get(key)?.row;
	}

	has(key) {
		return this.#nodes.has(key);
	}

	// Where the row is, or at the end if it is new.
	put(key, row) {
		const node = this.#nodes.get(key);

		if (node)
			this.#set(node, row);
		else
			this.#insert({ key, row }, this.#head.previous);
	}

	#set(node, row) {
		node.row = row;
		if (this.#array)
			this.#array[node.at] = row;
	}

	// At the beginning, if it is new.
	putFirst(key, row) {
		if (this.#nodes.has(key))
			this.put(key, row);
		else
			this.#insert({ key, row }, this.#head);
	}

	// Behind another one, or first if after is null, wherever it was.
	putAfter(key, row, after) {
		const place = after === null ? this.#head : this.#nodes.get(after) ?? this.#head.previous;

		if (place.key === key)
			return this.put(key, row);
		const node = this.#nodes.get(key);

		if (node)
			this.#move(node, row, place);
		else
			this.#insert({ key, row }, place);
	}

	// Not removed and put in again: a Map gets slow by that, with the same key.
	#move(node, row, place) {
		node.row = row;
		unlink(node);
		link(node, place);
		this.#array = undefined;
	}

	remove(key) {
		const node = this.#nodes.get(key);

		if (!node)
			return false;
		this.#nodes.delete(key);
		unlink(node);
		this.#array = undefined;
		return true;
	}

	removeFirst() {
		this.remove(this.#head.next.key);
	}

	removeLast() {
		this.remove(this.#head.previous.key);
	}

	#insert(node, place) {
		if (place !== this.#head.previous)
			this.#array = undefined;
		if (this.#array)
			node.at = this.#array.push(node.row) - 1;
		link(node, place);
		this.#nodes.set(node.key, node);
	}

	// Another one each time, for who has it may do with it what he likes.
	toArray() {
		this.#array ??= this.#inOrder();
		return this.#array.slice();
	}

	#inOrder() {
		const rows = [];

		for (let node = this.#head.next; node !== this.#head; node = node.next)
			node.at = rows.push(node.row) - 1;
		return rows;
	}

	copy() {
		const copy = new Rows();

		for (let node = this.#head.next; node !== this.#head; node = node.next)
			copy.put(node.key, node.row);
		return copy;
	}
}

function link(node, place) {
	node.previous = place;
	node.next = place.next;
	place.next.previous = node;
	place.next = node;
}

function unlink(node) {
	node.previous.next = node.next;
	node.next.previous = node.previous;
}
