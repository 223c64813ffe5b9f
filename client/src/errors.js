// errors.js - what calls and streams can fail with.

// The code is for programs: the server's, or one that is made here: TIMEOUT,
// DISCONNECTED, CONNECTION_CLOSED, QUEUE_FULL, STALE, INVALID_REQUEST.
export class RealtimeError extends Error {
	constructor(code, message, { issues, retryAfter, cause } = {}) {
		super(message, cause === undefined ? undefined : { cause });
		this.name = 'RealtimeError';
		this.code = code;
		if (issues !== undefined)
			this.issues = issues;
		if (retryAfter !== undefined)
			this.retryAfter = retryAfter;
	}

	// What a reply, a frame or an event of the server says.
	static from({ code = 'UNKNOWN', error, message, issues, retryAfter }) {
		return new RealtimeError(code, error ?? message ?? 'Unknown error', { issues, retryAfter });
	}

	toJSON() {
		const { code, message, issues } = this;

		return { code, message, issues };
	}

	static fromJSON(json) {
		return RealtimeError.from(json);
	}
}

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
