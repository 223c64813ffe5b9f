import type { Client, Readable, RealtimeError, Store, StreamOptions } from './index.js';

export interface TopicOptions extends Pick<StreamOptions, 'merge' | 'key' | 'prepend' | 'max'> {
	/** What is there already. */
	initial?: unknown;
}

export interface TopicValue<T = any> extends Store<T> {
	readonly error: Readable<RealtimeError | null>;
}

/** What the topic's events make, as long as somebody watches. */
export declare function topicValue<T = any>(client: Client, name: string, how?: TopicOptions): TopicValue<T>;
