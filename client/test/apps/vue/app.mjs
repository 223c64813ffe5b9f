import { computed, h, ref } from 'vue';
import { useStore, useStream } from 'realtime-client/vue';

export const App = {
	props: ['todos'],
	setup({ todos }) {
		const list = ref(1);
		const { data, error, status } = useStream(() => todos(list.value));
		const mapped = computed(() => todos(list.value).map((row) => row.text.length));
		const lengths = useStore(mapped);

		globalThis.show = (n) => { list.value = n; };
		return () => h('main', null, [
			h('p', { id: 'status' }, status.value),
			h('p', { id: 'error' }, error.value?.code ?? ''),
			h('p', { id: 'count' }, String(data.value?.length ?? 0)),
			h('p', { id: 'lengths' }, lengths.value.join()),
			h('ul', { id: 'rows' }, data.value?.map(({ id, text }) => h('li', { key: id }, `${text},`))),
		]);
	},
};
