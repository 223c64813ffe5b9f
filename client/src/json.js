// json.js - JSON whose integers are never rounded.
//
// JSON.parse makes 9007199254740992 of 9007199254740993.  Texts without sixteen
// digits in a row, nearly all, take its way; others are looked through first.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const integer = /^-?\d{16,}$/;

// What cannot be in a text by chance, nor because somebody wants it there.
const mark = `\u0001${Math.random().toString(36)}${Math.random().toString(36)}:`;

function isRounded(token) {
	return integer.test(token) && !Number.isSafeInteger(Number(token));
}

// Integers beyond 2^53 become strings, or values of the type bigint.
export function parse(text, bigint = false) {
	if (!/\d{16}/.test(text))
		return JSON.parse(text);
	const prefix = bigint ? JSON.stringify(mark).slice(1, -1) : '';
	const quoted = text.replace(tokens, (token) => isRounded(token) ? `"${prefix}${token}"` : token);

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
	const written = JSON.stringify(mark).slice(1, -1).replace(/[\\.]/g, '\\$&');

	return quoted.replace(new RegExp(`"${written}(-?\\d+)"`, 'g'), '$1');
}
