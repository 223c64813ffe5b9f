import type { Readable, RealtimeError, Stream } from './index.js';

/** A store, or a function that returns one: another one when what it looks at changes. */
export type Source<S> = S | (() => S | null | undefined);

export declare function rune<T>(source: Source<Readable<T>>): { readonly current: T };

export interface StreamRunes<T> {
	readonly current: T | undefined;
	readonly error: RealtimeError | null;
	readonly status: 'loading' | 'connected' | 'reconnecting' | 'error';
	readonly hasMore: boolean;
}
export declare function stream<T>(source: Source<Stream<T>>): StreamRunes<T>;
