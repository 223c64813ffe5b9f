// backoff.js - how long to wait before connecting again.
//
// Three tiers, each with chance in it, so that the clients of a server that has
// been restarted do not come back at the same moment.

const seconds = (from, to, random) => 1000 * (from + random() * (to - from));

// attempt is how many have failed in a row; throttled, whether the server has
// said that it was asked too fast.
export function reconnectDelay(attempt, throttled = false, random = Math.random) {
	if (throttled)
		return seconds(60, 120, random);
	if (attempt < 1)
		return seconds(0, 1, random);				// a blip
	if (attempt < 5)
		return seconds(Math.max(1, attempt - 0.5), Math.min(5, attempt + 0.5), random);	// a restart
	return seconds(5, Math.min(5 * 2 ** (attempt - 4), 30), random);	// an outage
}
