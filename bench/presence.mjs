// presence.mjs - what the part "presence" of bench/run needs of Node.
//
//   node presence.mjs <url> <connections> <rooms>
//     so many connections follow who is there, spread over rooms; then all but one in
//     each room are cut off; then, with a grace, the same once more, and they come
//     back at once.  Prints one line of name=value words.  SQL by PGHOST, PGPORT, PGUSER.
import pg from 'pg';
import WebSocket from 'ws';

const [url, connections, roomCount] = process.argv.slice(2).map((text, i) => (i ? Number(text) : text));
const sql = new pg.Client({ database: 'postgres' });
const now = () => performance.now();
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
let frames = 0;					// with changes, to those who count

async function until(condition, what) {
  const deadline = now() + 60000;
  while (!await condition()) {
    if (now() > deadline) throw new Error(`waited for ${what}`);
    await sleep(2);
  }
}

class Guest {
  constructor(room) {
    this.room = room;
    this.there = new Set();
  }

  open() {
    this.socket = new WebSocket(url, { perMessageDeflate: false });
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => this.take(JSON.parse(data)));
    return new Promise((resolve) => this.socket.once('open', () => {
      this.socket.send('{"type":"hello","caps":["batch"]}');
      resolve();
    }));
  }

  follow() {
    this.there.clear();
    this.socket.send(JSON.stringify({ rpc: 'bench/here', id: 'h', args: [this.room], stream: true }));
  }

  take(frame) {
    if (frame.topic === '__rpc') {
      frame.data.data.forEach(({ key }) => this.there.add(key));
      return;
    }
    const events = frame.type === 'batch' ? frame.events : [frame];
    if (!events[0].topic?.endsWith(':presence')) return;
    if (this.stays) frames++;
    for (const { event, data } of events) {
      if (event === 'join') this.there.add(data.key);
      else this.there.delete(data.key);
    }
  }
}

const one = async (query) => Number((await sql.query(query)).rows[0].n);
const present = () => one('SELECT coalesce(sum(present), 0) AS n FROM realtime.stat_presence');
const requests = () => one('SELECT sum(calls) AS n FROM realtime.stat_executor');
const guests = Array.from({ length: connections }, (unused, i) => new Guest(`r${i % roomCount}`));
const staying = guests.slice(0, roomCount);
const going = guests.slice(roomCount);
const see = (all, count) => until(() => all.every(({ there }) => there.size === count), `${count} in each room`);

async function openAll(all) {
  for (let i = 0; i < all.length; i += 200)
    await Promise.all(all.slice(i, i + 200).map((guest) => guest.open()));
}

async function come(all) {
  await openAll(all);
  const begun = now();
  all.forEach((guest) => guest.follow());
  await until(async () => await present() === connections, 'all to be there');
  const there = now() - begun;
  await see(guests, connections / roomCount);
  return [there, now() - begun];
}

// All sockets at once, without a word
function cut(all) {
  all.forEach(({ socket }) => socket.terminate());
}

async function setGrace(grace) {
  await sql.query(`ALTER SYSTEM SET realtime.presence_grace = '${grace}'`);
  await sql.query('SELECT pg_reload_conf()');
  await sleep(500);
}

await sql.connect();
await setGrace(0);
staying.forEach((guest) => { guest.stays = true; });
const [joined, told] = await come(guests);
const joinFrames = frames;
frames = 0;
const before = await requests();
let begun = now();
cut(going);
await until(async () => await present() === roomCount, 'the rest to be alone');
const left = now() - begun;
await see(staying, 1);
const leftTold = now() - begun;
const leaveFrames = frames;
const busy = await requests() - before;
await come(going);
await setGrace('30s');
frames = 0;
begun = now();
cut(going);
await openAll(going);
going.forEach((guest) => guest.follow());
await until(async () => await one(`SELECT count(*) AS n FROM realtime.stat_presence t, realtime.presence(t.topic) p
  WHERE p.connections > 0`) >= connections, 'all to be back');
const back = now() - begun;
await sleep(200);
console.log(`result joined_ms=${joined} join_told_ms=${told} join_frames=${joinFrames / roomCount} left_ms=${left}`
  + ` left_told_ms=${leftTold} leave_frames=${leaveFrames / roomCount} requests=${busy} back_ms=${back} back_frames=${frames / roomCount} end=1`);
await sql.query('ALTER SYSTEM RESET realtime.presence_grace');
await sql.query('SELECT pg_reload_conf()');
process.exit(0);
