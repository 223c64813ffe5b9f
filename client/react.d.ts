import type { Readable, RealtimeError, Stream } from './index.js';

/** What a store has; rendered again when it is another value. */
export declare function useStore<T>(store: Readable<T>): T;
export declare function useStore<T>(store: Readable<T> | null | undefined): T | undefined;
/** What select makes of it; rendered again when that is another value. */
export declare function useStore<T, U>(store: Readable<T>, select: (value: T) => U): U;
export declare function useStore<T, U>(store: Readable<T> | null | undefined, select: (value: T | undefined) => U): U;

export interface StreamState<T> {
	data: T | undefined;
	error: RealtimeError | null;
	status: 'loading' | 'connected' | 'reconnecting' | 'error';
	hasMore: boolean;
}
export declare function useStream<T>(stream: Stream<T> | null | undefined): StreamState<T>;
