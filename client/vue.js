// vue.js - stores as refs of Vue.
//
//	const rows = useStore(todos(7));
//	const rows = useStore(() => todos(props.list));	// another one when that changes
//	const { data, error, status } = useStream(() => todos(props.list));
//
// A component follows a store while it is mounted, so nothing is followed where
// pages are rendered on a server; an effect scope does until it is stopped.
import { computed, getCurrentInstance, onMounted, shallowRef, triggerRef, watch } from 'vue';
import { empty, Store } from './index.js';

const none = new Store(null);
const loading = new Store('loading');

// A store, a ref of one, or a function that returns one.
function chosen(source) {
	if (typeof source?.subscribe === 'function')
		return () => source;
	return typeof source === 'function' ? () => source() ?? empty : () => source?.value ?? empty;
}

// A ref that nobody writes.
export function useStore(source) {
	const store = computed(chosen(source));
	const told = shallowRef(0);
	const follow = () => watch(store, (now, before, onCleanup) => {
		onCleanup(now.subscribe(() => triggerRef(told)));
	}, { immediate: true });

	if (getCurrentInstance())
		onMounted(follow);
	else
		follow();
	return computed(() => (told.value, store.value.current));
}

export function useStream(source) {
	const store = computed(chosen(source));
	const data = useStore(store);

	return {
		data,
		error: useStore(() => store.value.error ?? none),
		status: useStore(() => store.value.status ?? loading),
		hasMore: computed(() => (data.value, store.value.hasMore === true)),
	};
}
