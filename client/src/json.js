// json.js - JSON whose integers are never rounded.
//
// JSON.parse makes 9007199254740992 of 9007199254740993.  Texts without sixteen
// digits in a row, nearly all, take its way; others are looked through first.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d[\d.eE+-]*/g;
const integer = /^-?\d+$/;
const long = 16;				// digits that may be rounded
const run = /\d{16}/;

// What is in no text by chance, nor because somebody wants it there, and is written as it is.
const mark = newKey();

export function newKey() {
	return Array.from({ length: 3 }, () => Math.random().toString(36).slice(2)).join('');
}

function isRounded(token) {
	return integer.test(token) && !Number.isSafeInteger(Number(token));
}

// So many digits in a row have one at a place that is a multiple of their number:
// the others need not be looked at.
function hasLongRun(text) {
	for (let i = long - 1; i < text.length; i += long) {
		const code = text.charCodeAt(i);

		if (code >= 48 && code <= 57 && run.test(text.slice(i - long + 1, i + long)))
			return true;
	}
	return false;
}

// Integers beyond 2^53 become strings, or values of the type bigint.
export function parse(text, bigint = false) {
	if (!hasLongRun(text))
		return JSON.parse(text);
	const quoted = text.replace(tokens, (token) => isRounded(token) ? `"${bigint ? mark : ''}${token}"` : token);

	return bigint ? JSON.parse(quoted, revive) : JSON.parse(quoted);
}

function revive(key, value) {
	return typeof value === 'string' && value.startsWith(mark) ? BigInt(value.slice(mark.length)) : value;
}

// The other way: a bigint is written as the number that it is.
export function stringify(value) {
	try {
		return JSON.stringify(value);
	} catch (error) {
		if (!(error instanceof TypeError))
			throw error;
		return stringifyBigints(value);
	}
}

function stringifyBigints(value) {
	const quoted = JSON.stringify(value, (key, item) => typeof item === 'bigint' ? mark + item : item);

	return quoted.replace(new RegExp(`"${mark}(-?\\d+)"`, 'g'), '$1');
}
