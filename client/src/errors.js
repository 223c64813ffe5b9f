// errors.js - what calls and streams can fail with.

// What an error may say besides.
const members = ['issues', 'retryAfter', 'key', 'maxWaitMs'];

const known = (more) => Object.fromEntries(members.filter((name) => more[name] !== undefined).map((name) => [name, more[name]]));

// The code is for programs: the server's, or one that is made here: TIMEOUT,
// DISCONNECTED, CONNECTION_CLOSED, QUEUE_FULL, STALE, INVALID_REQUEST.
export class RealtimeError extends Error {
	constructor(code, message, { cause, ...more } = {}) {
		super(message, cause === undefined ? undefined : { cause });
		this.name = 'RealtimeError';
		this.code = code;
		Object.assign(this, known(more));
	}

	// What a reply, a frame or an event of the server says.
	static from({ code = 'UNKNOWN', error, message, ...more }) {
		return new RealtimeError(code, error ?? message ?? 'Unknown error', known(more));
	}

	toJSON() {
		return { code: this.code, message: this.message, ...known(this) };
	}

	static fromJSON(json) {
		return RealtimeError.from(json);
	}
}

export function closedError() {
	return new RealtimeError('CONNECTION_CLOSED', 'The connection is closed for good.');
}

// What passes by itself, so that it may be asked again.
export const passing = new Set(['OVERLOADED', 'SERVICE_UNAVAILABLE', 'RATE_LIMITED', 'TIMEOUT', 'LOCK_TIMEOUT']);

// An error that nobody waits for: told as the platform tells such errors, and
// never in the way of what goes on.
export function report(error) {
	if (typeof reportError === 'function')
		reportError(error);
	else
		queueMicrotask(() => { throw error; });
}

// One who fails does not keep the others from going on.
export function guarded(run) {
	try {
		return run();
	} catch (error) {
		report(error);
		return undefined;
	}
}
