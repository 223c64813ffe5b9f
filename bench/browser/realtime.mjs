// realtime.mjs - the client of this project.
import { createClient } from '../../client/index.js';
import { show } from './screen.mjs';

let newest = 0;
const client = createClient({
  WebSocket: class extends WebSocket {
    set onmessage(run) {
      super.onmessage = run && ((message) => {
        run(message);
        newest = Math.max(newest, +(/"seq":(\d+)}$/.exec(message.data)?.[1] ?? 0));
      });
    }
  },
});

window.newest = () => newest;
client.stream('app/rows').subscribe((rows) => rows && show(rows));
