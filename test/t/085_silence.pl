# Silence: pings, who is taken for dead, and that dead connections end.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(time);

use RealtimeTest;

# The gateway looks at silent connections once a second.
my $node = new_node(
	'realtime.ping_interval' => 0,
	'realtime.idle_timeout' => '1s');
my $call = '{"rpc":"no/such-path","id":"a","args":[]}';

sub change_settings
{
	my (%setting) = @_;

	$node->safe_psql('postgres', "ALTER SYSTEM SET realtime.$_ = '$setting{$_}'")
	  for keys %setting;
	$node->reload;
	for my $name (keys %setting)
	{
		$node->poll_query_until('postgres',
			"SELECT current_setting('realtime.$name') = '$setting{$name}'");
	}
	return;
}

# One that does nothing at all, not even answer the close; nothing else happens
# in the gateway meanwhile.
my $mute = ws_connect($node);
my $began = time;
is(ws_close_code($mute), 1001, 'a client that does nothing is closed');
is(ws_recv($mute), undef, 'and disconnected if it does not close itself');
cmp_ok(time - $began, '<', soon(), 'soon');

# One answers protocol pings and is silent otherwise, as a browser is; one
# sends calls but no pongs.  After twice the time both must still be there.
change_settings(ping_interval => '300ms', idle_timeout => '5s');
my ($ponger, $caller) = map { ws_connect($node) } 1 .. 2;
my ($frames, $pings) = (0, 0);
$began = time;
while (time - $began < 10)
{
	my $frame = ws_recv($ponger) or last;

	if ($frame->[0] eq 'ping')
	{
		$pings++;
		ws_raw($ponger, ws_frame('pong', $frame->[1]));
		ws_send($caller, $call);
	}
	elsif ($frame->[1] eq '{"type":"ping"}') { $frames++ }
	else { last }
}
cmp_ok($pings, '>=', 3, 'a silent client gets pings');
# the last one may be on its way
cmp_ok($frames, '>=', $pings - 1, 'and a frame that its program can see with each');
is(ws_call($ponger, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'answering them is enough to stay');
is(ws_call($caller, 'no/such-path', [])->{code}, 'NOT_FOUND',
	'so is anything else that a client sends');

# Without pings and timeouts nobody is disturbed.
change_settings(ping_interval => '0', idle_timeout => '0');
my $quiet = ws_connect($node);
is(ws_call($ponger, 'no/such-path', [])->{code}, 'NOT_FOUND', 'settings can be changed');
ok(!eval { ws_recv($quiet, 2); 1 }, 'and no pings sent');
is(ws_call($quiet, 'no/such-path', [])->{code}, 'NOT_FOUND', 'to a connection that stays');

ws_close($_) for $ponger, $caller, $quiet;
$node->stop('fast');
unlike(slurp_file($node->logfile), qr/PANIC|was terminated by signal|TRAP:/,
	'nothing has crashed');

done_testing();
