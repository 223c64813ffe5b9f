// random.mjs - numbers that are drawn again from the same seed.
//
// Everybody draws from a stream of their own, named after them: so what one
// does is not changed by how often another one has drawn.

// 32 bits from any text (FNV-1a).
function hash(text) {
	let value = 0x811c9dc5;

	for (let i = 0; i < text.length; i++)
		value = Math.imul(value ^ text.charCodeAt(i), 0x01000193);
	return value >>> 0;
}

export class Random {
	constructor(seed, name) {
		this.state = hash(`${seed}/${name}`);
	}

	// From 0 up to and without 1 (a Weyl sequence, mixed).
	next() {
		this.state = (this.state + 0x9e3779b9) >>> 0;
		let value = this.state;
		value = Math.imul(value ^ (value >>> 16), 0x21f0aaad);
		value = Math.imul(value ^ (value >>> 15), 0x735a2d97);
		return ((value ^ (value >>> 15)) >>> 0) / 2 ** 32;
	}

	// A whole number, both ends included.
	between(low, high) {
		return low + Math.floor(this.next() * (high - low + 1));
	}

	chance(probability) {
		return this.next() < probability;
	}

	pick(list) {
		return list[this.between(0, list.length - 1)];
	}

	shuffle(list) {
		const result = [...list];

		for (let i = result.length - 1; i > 0; i--) {
			const j = this.between(0, i);
			[result[i], result[j]] = [result[j], result[i]];
		}
		return result;
	}
}
