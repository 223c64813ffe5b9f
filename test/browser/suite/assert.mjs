// assert.mjs - what the client's tests need of node:assert/strict, in a page.
class AssertionError extends Error {
	constructor(message, what, actual, expected) {
		super(message ?? `${what}: ${show(actual)} and ${show(expected)}`);
		this.name = 'AssertionError';
	}
}

function show(value) {
	try {
		return JSON.stringify(value, (key, one) => typeof one === 'bigint' ? `${one}n` : one)?.slice(0, 1000) ?? String(value);
	} catch {
		return String(value);
	}
}

function isDeep(a, b) {
	if (Object.is(a, b))
		return true;
	if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null)
		return false;
	if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b))
		return false;
	if (a instanceof Error && (a.message !== b.message || a.name !== b.name))
		return false;
	const [names, others] = [Object.keys(a), Object.keys(b)];

	return names.length === others.length && names.every((name) => Object.hasOwn(b, name) && isDeep(a[name], b[name]));
}

// Whether an error is what was expected: a class, a pattern, members.
function isExpected(error, expected) {
	if (expected === undefined)
		return true;
	if (expected instanceof RegExp)
		return expected.test(String(error));
	if (typeof expected === 'function')
		return error instanceof expected;
	return Object.entries(expected).every(([name, value]) => isDeep(error[name], value));
}

function check(holds, message, what, actual, expected) {
	if (!holds)
		throw message instanceof Error ? message : new AssertionError(message, what, actual, expected);
}

function caught(error, expected) {
	check(isExpected(error, expected), undefined, 'another error', String(error?.stack ?? error), String(expected));
}

export default {
	ok: (value, message) => check(value, message, 'not true', value),
	equal: (actual, expected, message) => check(Object.is(actual, expected), message, 'not equal', actual, expected),
	notEqual: (actual, expected, message) => check(!Object.is(actual, expected), message, 'equal', actual, expected),
	deepEqual: (actual, expected, message) => check(isDeep(actual, expected), message, 'not equal', actual, expected),
	match: (text, pattern, message) => check(pattern.test(text), message, 'no match', text, String(pattern)),
	doesNotMatch: (text, pattern, message) => check(!pattern.test(text), message, 'a match', text, String(pattern)),
	async rejects(promise, expected) {
		const end = await Promise.resolve(promise).then((value) => ({ value }), (error) => ({ error }));

		check('error' in end, undefined, 'not rejected', end.value);
		caught(end.error, expected);
	},
	throws(fn, expected) {
		let end;

		try {
			fn();
		} catch (error) {
			end = { error };
		}
		check(end, undefined, 'not thrown');
		caught(end.error, expected);
	},
};
