// The page that leads to the others.
import { createClient } from '/realtime/client.js';
import { $, command, showStatus } from './shared/page.js';

const client = createClient();

showStatus($('status'), client);
client.connect();

// How to reach the server from a shell, as it knows it itself.
const { socket, port } = await client.rpc('demo/address')();
const to = `-h ${socket} -p ${port} -U postgres postgres`;

$('commands').append(
	command(`psql ${to}`),
	command(`pgbench -n -c 4 -T 60 -R 20 ${to}`));
