// The types of the entries: what is right compiles, and what is wrong does not.
import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const here = fileURLToPath(new URL('.', import.meta.url));
const program = `
import { combine, createClient, parse, type Stream } from 'realtime-client';
import { realtimeTransport } from 'realtime-client/hooks';
import { createOfflineStore } from 'realtime-client/offline';
import { useStore, useStream } from 'realtime-client/react';
import { fromStore, fromStream } from 'realtime-client/solid';
import { rune, stream } from 'realtime-client/svelte';
import { sharedSocket } from 'realtime-client/tabs';
import { topicValue } from 'realtime-client/topic';
import { createUploads } from 'realtime-client/upload';
import { bindView } from 'realtime-client/view';
import * as vue from 'realtime-client/vue';

interface Todo { id: number; text: string }
const store = createOfflineStore({ user: () => 'ann', keep: 1000 });
const client = createClient({ WebSocket: sharedSocket({ user: null }), offline: { queue: true, store, onReplay: (call, data) => call.restored } });
const todos = client.stream<Todo[], [list: number]>('todo/open');
const one: Stream<Todo[]> = todos(7);

const rows: Todo[] | undefined = useStore(one);
const count: number = useStore(one, (list) => list?.length ?? 0);
const texts: string[] = useStore(one.map((row) => row.text));
const { data, error, status, hasMore } = useStream(one);
const code: string | undefined = error?.code;
const first: string | undefined = data?.[0].text;
const refs: Todo[] | undefined = vue.useStore(() => todos(7)).value;
const state: string = vue.useStream(one).status.value;
const signal: Todo[] | undefined = fromStore(one)();
const more: boolean = fromStream(() => todos(7)).hasMore();
const current: Todo[] | undefined = rune(() => todos(7)).current;
const problem: string | undefined = stream(one).error?.message;
const stop: () => void = bindView(one, { ready: (list, { status }) => { list[0].text.trim(); }, error: (reason, list) => list?.length });
const both: number = combine(one, client.status, (list, open: string) => list?.length ?? 0).current;
parse('1', true);
store.kept.subscribe((calls) => calls.map((call) => call.path));

const notes: Todo[] = topicValue<Todo[]>(client, 'notes', { merge: 'crud', key: 'id', prepend: true, max: 5, initial: [] }).current;
const transport: Record<string, { encode(value: unknown): unknown }> = realtimeTransport({ Vector: { encode: (value) => value === 7 && [7], decode: ([x]) => x } });

const { binary, upload } = createUploads(client, { frameSize: 5000 });
const size: Promise<number> = binary<[name: string], number>('files/size')(new ArrayBuffer(5), 'a');
const sent: (id: string) => Promise<number> = (id) => upload<[], string>('files/add')(new Blob([id])).then((text) => text.length);
upload('files/add').with({ signal: new AbortController().signal })(async function* () { yield new Uint8Array(1); }()).on('progress', ({ percent }) => percent?.toFixed());

// @ts-expect-error no way of merging
topicValue(client, 'notes', { merge: 'all' });
// @ts-expect-error how is it read
realtimeTransport({ Vector: { encode: String } });
// @ts-expect-error no bytes
upload('files/add')(5);
// @ts-expect-error whose calls
createOfflineStore({});
// @ts-expect-error who is logged in
sharedSocket({});
// @ts-expect-error no number of it
const wrong: number = useStore(one);
// @ts-expect-error a list has no title
useStore(one, (list) => list?.title);
// @ts-expect-error a row has no name
bindView(one, { ready: (list) => list[0].name });
export {};
`;

it('entries have the types that they say', () => {
	const name = `${here}made.ts`;
	const options = {
		strict: true, noEmit: true, module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022, moduleResolution: ts.ModuleResolutionKind.Bundler,
		types: [], lib: ['lib.es2022.d.ts', 'lib.dom.d.ts'], skipLibCheck: true,
	};
	const host = ts.createCompilerHost(options);
	const { readFile, fileExists } = host;

	host.readFile = (file) => file === name ? program : readFile(file);
	host.fileExists = (file) => file === name || fileExists(file);
	const { getSourceFile } = host;
	host.getSourceFile = (file, target) => file === name ? ts.createSourceFile(file, program, target) : getSourceFile(file, target);
	const errors = ts.getPreEmitDiagnostics(ts.createProgram([name], options, host)).map(({ messageText, file, start }) =>
		`${file?.getLineAndCharacterOfPosition(start).line}: ${ts.flattenDiagnosticMessageText(messageText, '\n')}`);

	assert.deepEqual(errors, []);
});
