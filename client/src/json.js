// json.js - JSON whose integers are never rounded.
//
// JSON.parse makes 9007199254740992 of 9007199254740993.  Texts without sixteen
// digits in a row, nearly all, take its way; others are looked through first.

const tokens = /"[^"\\]*(?:\\.[^"\\]*)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;
const integer = /^-?\d{16,}$/;
const long = 16;				// digits that may be rounded

// What cannot be in a text by chance, nor because somebody wants it there.
const mark = `\u0001${Math.random().toString(36)}${Math.random().toString(36)}:`;

function isRounded(token) {
	return integer.test(token) && !Number.isSafeInteger(Number(token));
}

function isDigit(text, i) {
	const code = text.charCodeAt(i);

	return code >= 48 && code <= 57;
}

// How many digits stand together there.
function runAround(text, i) {
	let from = i;
	let to = i;

	while (isDigit(text, from - 1))
		from--;
	while (isDigit(text, to + 1))
		to++;
	return to - from + 1;
}

// So many digits in a row have one at a place that is a multiple of their number:
// the others need not be looked at.
function hasLongRun(text) {
	for (let i = long - 1; i < text.length; i += long) {
		if (isDigit(text, i) && runAround(text, i) >= long)
			return true;
	}
	return false;
}

// Integers beyond 2^53 become strings, or values of the type bigint.
export function parse(text, bigint = false) {
	if (!hasLongRun(text))
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
