// presence.mjs - what the part "presence" of bench/run needs of Node.
//
//   node presence.mjs <url> <connections> <rooms>
//     so many connections follow who is there, spread over rooms; then all but one in
//     each room are cut off; then, with a grace, the same once more, and they come
//     back at once.  At last some come and go where nobody else is, and where all the
//     others are.  Prints one line of name=value words.  SQL by PGHOST, PGPORT, PGUSER.
import { createHmac } from 'node:crypto';
import { readFileSync } from 'node:fs';
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

function token(sub) {
  const part = (object) => Buffer.from(JSON.stringify(object)).toString('base64url');
  const text = `${part({ alg: 'HS256', typ: 'JWT' })}.${part({ sub })}`;
  return `${text}.${createHmac('sha256', process.env.BENCH_SECRET).update(text).digest('base64url')}`;
}

class Guest {
  constructor(number) {
    this.room = `r${number % roomCount}`;
    this.token = token(`user${number}`);
    this.there = new Set();
  }

  open() {
    this.socket = new WebSocket(url, { perMessageDeflate: false, headers: { Authorization: `Bearer ${this.token}` } });
    this.socket.on('error', () => {});
    this.socket.on('message', (data) => this.take(JSON.parse(data)));
    return new Promise((resolve) => this.socket.once('open', () => {
      this.socket.send('{"type":"hello","caps":["batch"]}');
      resolve();
    }));
  }

  follow(rpc = 'bench/here', room = this.room) {
    this.there.clear();
    this.socket.send(JSON.stringify({ rpc, id: 'h', args: [room], stream: true }));
  }

  unfollow(topic) {
    this.socket.send(JSON.stringify({ type: 'unsubscribe', topic }));
  }

  take(frame) {
    if (frame.topic === '__rpc') {
      if (Array.isArray(frame.data.data)) frame.data.data.forEach(({ key }) => this.there.add(key));
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
const guests = Array.from({ length: connections }, (unused, i) => new Guest(i));
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

// CPU time of the gateways so far, in microseconds
async function gatewayTime() {
  const { rows } = await sql.query('SELECT pid FROM realtime.stat_gateway WHERE pid IS NOT NULL');
  return rows.map(({ pid }) => readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' '))
    .reduce((sum, fields) => sum + (Number(fields[11]) + Number(fields[12])) * 10000, 0);
}

const inRoom = (room) => one(`SELECT realtime.presence_count('in:${room}') AS n`);

// What one costs that comes to a room, whom nobody watches, and leaves it again
async function comingAndGoing(movers, room, others, cycles) {
  await until(async () => await inRoom(room) === others, 'the others');
  const before = await gatewayTime();
  for (let i = 0; i < cycles; i++) {
    movers.forEach((guest) => guest.follow('bench/in', room));
    await until(async () => await inRoom(room) === others + movers.length, 'all to come');
    movers.forEach((guest) => guest.unfollow(`in:${room}`));
    await until(async () => await inRoom(room) === others, 'all to go');
  }
  return (await gatewayTime() - before) / cycles / movers.length;
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
const backFrames = frames;
await setGrace(0);
const movers = going.slice(0, 200);
const others = going.slice(200);
const alone = await comingAndGoing(movers, 'empty', 0, 50);
others.forEach((guest) => guest.follow('bench/in', 'full'));
const among = await comingAndGoing(movers, 'full', others.length, 50);
console.log(`result joined_ms=${joined} join_told_ms=${told} join_frames=${joinFrames / roomCount} left_ms=${left}`
  + ` left_told_ms=${leftTold} leave_frames=${leaveFrames / roomCount} requests=${busy} back_ms=${back} back_frames=${backFrames / roomCount}`
  + ` alone_us=${alone} among_us=${among} end=1`);
await sql.query('ALTER SYSTEM RESET realtime.presence_grace');
await sql.query('SELECT pg_reload_conf()');
process.exit(0);
