import type { ComputedRef, Ref } from 'vue';
import type { Readable, RealtimeError, Stream } from './index.js';

/** A store, a ref of one, or a function that returns one. */
export type Source<S> = S | Readonly<Ref<S | null | undefined>> | (() => S | null | undefined);

export declare function useStore<T>(source: Source<Readable<T>>): ComputedRef<T>;

export interface StreamRefs<T> {
	data: ComputedRef<T | undefined>;
	error: ComputedRef<RealtimeError | null>;
	status: ComputedRef<'loading' | 'connected' | 'reconnecting' | 'error'>;
	hasMore: ComputedRef<boolean>;
}
export declare function useStream<T>(source: Source<Stream<T>>): StreamRefs<T>;
