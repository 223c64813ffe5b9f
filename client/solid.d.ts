import type { Accessor } from 'solid-js';
import type { Readable, RealtimeError, Stream } from './index.js';

/** A store, or a function that returns one: another one when what it looks at changes. */
export type Source<S> = S | (() => S | null | undefined);

export declare function fromStore<T>(source: Source<Readable<T>>): Accessor<T>;

export interface StreamSignals<T> {
	data: Accessor<T | undefined>;
	error: Accessor<RealtimeError | null>;
	status: Accessor<'loading' | 'connected' | 'reconnecting' | 'error'>;
	hasMore: Accessor<boolean>;
}
export declare function fromStream<T>(source: Source<Stream<T>>): StreamSignals<T>;
