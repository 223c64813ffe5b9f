// published.mjs - the published client, svelte-realtime of npm, on the transport that
// its tests have (test/node/published/).
import { __stream, configure } from 'svelte-realtime/client';
import { frames } from 'svelte-adapter-uws/client';
import { show } from './screen.mjs';

let newest = 0;

// Of what has come only the number of the last one is wanted.
window.newest = () => {
  newest = Math.max(newest, ...frames.splice(0).map(({ seq }) => seq ?? 0));
  return newest;
};
configure({ url: `ws://${location.host}/ws` });
__stream('app/rows', { merge: 'crud', key: 'id' }).subscribe((rows) => Array.isArray(rows) && show(rows));
