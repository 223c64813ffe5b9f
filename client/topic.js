// topic.js - a topic as a value: what its events make of one, in a way of merging.
//
//	const notes = topicValue(client, 'notes', { merge: 'crud', key: 'id', initial: rows });
//
// A topic has no value that could be loaded, so it begins anew for who begins to watch.
import { createValue, Store } from './index.js';

// Options: merge, key, prepend, max as of streams; initial, what is there already.
export function topicValue(client, name, { initial, ...how } = {}) {
	const topic = client.topic(name);
	const value = createValue(how);
	const begin = () => {
		value.load(initial);
		return value.snapshot();
	};
	const store = new Store(begin(), () => {
		store.assign(begin());
		const stop = follow(topic, (frame) => {
			if (!frame)
				begin();			// somebody else has come
			else if (frame.event !== 'truncated')
				value.apply(frame.event, frame.data);
			tell();
		});

		return () => {
			stop();
			store.assign(begin());	// nobody says when somebody else comes
		};
	});
	const tell = later(client, () => store.set(value.snapshot()));

	store.error = topic.error;
	return store;
}

// What comes from now on.
function follow(topic, run) {
	let isNews = false;
	const stop = topic.subscribe((frame) => isNews && run(frame));

	isNews = true;
	return stop;
}

// Once for all that has come, when those who watch streams are told, too.
function later(client, run) {
	let isDue = false;

	return () => {
		if (isDue)
			return;
		isDue = true;
		try {
			client.attach((connection, { schedule }) => schedule(() => {
				isDue = false;
				run();
			}));
		} catch (error) {
			isDue = false;
			throw error;
		}
	};
}
