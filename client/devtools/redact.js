// redact.js - what is kept of data: not what is nobody's business, not all of what is
// large.

const depthMax = 5;
const itemsMax = 50;

// Members of these names, in capitals or not, are not kept; add your own.
export const redactKeys = new Set(['password', 'token', 'apiKey', 'api_key', 'secret', 'authorization', 'cookie',
	'sessionid', 'session_id', 'csrf', 'csrftoken']);

export function redact(value, names = new Set([...redactKeys].map((key) => key.toLowerCase())), depth = 0) {
	if (value === null || typeof value !== 'object')
		return value;
	if (depth >= depthMax)
		return '[depth-cap]';
	if (Array.isArray(value))
		return [...value.slice(0, itemsMax).map((item) => redact(item, names, depth + 1)),
			...value.length > itemsMax ? [`[${value.length - itemsMax} more]`] : []];
	return Object.fromEntries(Object.entries(value).map(([key, item]) =>
		[key, names.has(key.toLowerCase()) ? '[REDACTED]' : redact(item, names, depth + 1)]));
}
