// place.js - places of cards: texts of hexadecimal digits, compared as texts.  See
// the part [order] of board.sql.

const digit = (text, i, otherwise) => i < text.length ? parseInt(text[i], 16) : otherwise;
const chance = (digits) => Array.from({ length: digits }, () => Math.floor(Math.random() * 16).toString(16)).join('');

// A place behind a and before b, either of which may be missing.
export function between(a = '', b) {
	let place = '';
	let isBounded = b !== undefined && b > a;

	for (let i = 0; ; i++) {
		const low = digit(a, i, 0);
		const high = isBounded ? digit(b, i, 0) : 16;

		if (high - low > 1)
			return place + ((low + high) >> 1).toString(16) + chance(3) + '8';
		place += low.toString(16);
		isBounded &&= high === low;
	}
}

// Behind all others: the time, as board.last_place() has it.
export function behind(last) {
	const place = Date.now().toString(16) + chance(3) + '8';

	return last === undefined || place > last ? place : between(last);
}

export function compare(a, b) {
	return a.place < b.place ? -1 : a.place > b.place ? 1 : a.id < b.id ? -1 : Number(a.id > b.id);
}
