# The examples of docs/uploads.md and docs/webhooks.md do what these pages say.
use strict;
use warnings;

use Cwd qw(abs_path);
use Digest::SHA qw(hmac_sha256_hex sha256_hex);
use File::Basename qw(dirname);
use PostgreSQL::Test::Utils;
use Test::More;

use RealtimeLife;
use RealtimeTest;

my $node = life_node('realtime.executors' => 2, 'realtime.max_executors' => 5);
my $top = dirname(abs_path(__FILE__)) . '/../..';
my $streams = 0;

sub sql { return $node->safe_psql('postgres', $_[0]); }

# All SQL of a page, in order.
sub run_page
{
	my ($page) = @_;
	my @blocks = slurp_file("$top/docs/$page") =~ /^```sql\n(.*?)^```$/msg;

	ok(@blocks > 1, "$page has examples");
	sql($_) for @blocks;
	return;
}

sub upload
{
	my ($ws, $path, $args, @chunks) = @_;
	my $stream = ++$streams;
	for my $i (0 .. $#chunks)
	{
		my $flags = ($i == 0 ? 1 : 0) | ($i == $#chunks ? 2 : 0);
		my $header = $i == 0 ? pack('n/a*', qq({"rpc":"$path","args":$args})) : '';
		ws_raw($ws, ws_frame('binary', pack('CCNN', 1, $flags, $stream, $i) . $header . $chunks[$i]));
	}
	my $event = sprintf '%08x', $stream;
	return ws_wait($ws, sub { ($_->{topic} // '') eq '__upload' && $_->{event} eq $event })->{data};
}

run_page('uploads.md');
run_page('webhooks.md');
wait_for_call($node, 'app/echo', ['x']);
my $ws = ws_connect($node);
my @chunks = map { chr(64 + $_) x 70_000 } 1 .. 3;
my $whole = join '', @chunks;

# A binary call; anonymous, so its table refuses it.
ws_raw($ws, ws_frame('binary', pack('Cn/a*a*', 0, '{"rpc":"avatar/set","id":"a","args":["x.png"]}', 'bytes')));
is(ws_wait($ws, sub { ($_->{event} // '') eq 'a' })->{data}{code}, 'VALIDATION', 'a binary call has a transaction like any other');

my $file = upload($ws, 'files/add', '["a.txt"]', @chunks)->{data};
is(sql("SELECT name || size FROM app.file WHERE id = $file"), 'a.txt210000', 'a table of chunks');
is(sql("SELECT encode(sha256(string_agg(bytes, NULL ORDER BY number)), 'hex') FROM app.file_chunk WHERE file = $file"), sha256_hex($whole), 'has all of it');
ok(upload($ws, 'logs/add', '[]', @chunks)->{ok}, 'rows as they come');
is(sql("SELECT encode(sha256(string_agg(bytes, NULL ORDER BY id)), 'hex') FROM app.log_chunk"), sha256_hex($whole), 'are all of it');
my $lo = upload($ws, 'documents/add', '["a"]', @chunks)->{data};
is(sql("SELECT encode(sha256(lo_get($lo)), 'hex') FROM app.document WHERE content = $lo"), sha256_hex($whole), 'a large object');
is(upload($ws, 'documents/add', '["a"]', @chunks)->{code}, 'CONFLICT', 'which is not made twice');
is(sql('SELECT count(*) FROM pg_largeobject_metadata'), 1, 'nothing of that stays');

# Webhooks.
sql(q{SELECT realtime.topic('builds', open => true)});
sql(q{INSERT INTO app.secret VALUES ('github', 's3cret')});
sql(q{GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA app TO PUBLIC});
ws_subscribe($ws, 'builds');
my $body = '{"ref":"refs/heads/main","pusher":{"name":"ann"},"commits":[]}';
my $answer = http_raw($node, join("\r\n", 'POST /__webhook/github/push HTTP/1.1', 'Host: 127.0.0.1:' . gateway_port($node), 'Connection: close',
	'Content-Length: ' . length $body, 'X-Hub-Signature-256: sha256=' . hmac_sha256_hex($body, 's3cret'), '', $body));
like($answer, qr/ 200 /, 'a webhook is taken');
is_deeply(ws_wait($ws, sub { ($_->{topic} // '') eq 'builds' && defined $_->{event} }),
	{ topic => 'builds', event => 'pushed', data => { ref => 'refs/heads/main', by => 'ann' } }, 'and told');
$node->stop('fast');

done_testing();
