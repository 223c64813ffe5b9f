# What a call publishes to topics that its client follows comes before its answer.
use strict;
use warnings;

use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeTest;

use constant { CLIENTS => 4, ROUNDS => 60, BURST => 8 };

my $node = new_node('realtime.executors' => 3);

$node->safe_psql('postgres', q{
CREATE SCHEMA app;
GRANT USAGE ON SCHEMA app TO realtime_anonymous;
CREATE TABLE app.note (id bigserial PRIMARY KEY, room text, what text);
GRANT ALL ON app.note, app.note_id_seq TO realtime_anonymous;
CREATE FUNCTION app.say(room text, what text) RETURNS text LANGUAGE sql AS
	$$SELECT realtime.publish(room, 'said', to_jsonb(what)); SELECT what$$;
CREATE FUNCTION app.note(room text, what text) RETURNS text LANGUAGE sql AS
	$$INSERT INTO app.note (room, what) VALUES (room, what); SELECT what$$;
SELECT realtime.topic('news', open => true), realtime.topic('log', class => 'replay', open => true),
	realtime.topic('notes:{room}', open => true), realtime.topic('noise', class => 'volatile', open => true);
SELECT realtime.live_table('app.note', 'notes:{room}');
SELECT realtime.rpc('app/say', 'app.say(text,text)'), realtime.rpc('app/note', 'app.note(text,text)');
});
wait_for_call($node, 'app/say', ['nowhere', 'x']);

# Calls in bursts; each publishes to where all follow.
my @clients = map { ws_connect($node) } 1 .. CLIENTS;
for my $ws (@clients)
{
	ws_subscribe($ws, $_) for qw(news log noise notes:here);
}

my %call = (news => 'app/say', log => 'app/say', noise => 'app/say', 'notes:here' => 'app/note');
my @topics = sort keys %call;
my $calls = 0;

sub begin_burst
{
	my ($ws) = @_;
	my %open;

	for (1 .. BURST)
	{
		my $id = 'c' . ++$calls;
		my $topic = $topics[ $calls % @topics ];
		my $room = $topic =~ s/^notes://r;
		ws_send($ws, { rpc => $call{$topic}, id => $id, args => [ $room, $id ] });
		$open{$id} = $topic;
	}
	return \%open;
}

sub what_is_told
{
	my ($message) = @_;
	return ref $message->{data} ? $message->{data}{what} : $message->{data};
}

# Returns how many answers came before their events.
sub end_burst
{
	my ($ws, $open) = @_;
	my (%told, $early);

	$early = 0;
	while (%$open)
	{
		my $message = ws_recv_json($ws) // die 'no answer';
		if (($message->{topic} // '') eq '__rpc')
		{
			my $id = $message->{event};
			delete $open->{$id} or die "an answer to nothing: $id";
			die "refused: $message->{data}{code}" unless $message->{data}{ok};
			$early++ unless $told{$id};
		}
		elsif ($message->{event} =~ /^(said|created)$/)
		{
			$told{ what_is_told($message) } = 1;
		}
	}
	return $early;
}

my $early = 0;
for (1 .. ROUNDS)
{
	my @open = map { begin_burst($_) } @clients;
	$early += end_burst($clients[$_], $open[$_]) for 0 .. $#clients;
}
is($early, 0, 'no answer comes before the events of its call');

# One that follows nothing waits for none.
my $ws = ws_connect($node);
is(ws_call($ws, 'app/say', [ 'news', 'last' ])->{data}, 'last', 'who follows nothing is answered, too');

done_testing();
