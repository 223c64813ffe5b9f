=head1 NAME

RealtimeToken - makes signed JSON Web Tokens

=head1 SYNOPSIS

  my $token = jwt({ sub => 'ann' }, secret => 'a long secret');
  my ($pem, $private) = key_pair('ed25519');
  my $other = jwt({ sub => 'bob' }, alg => 'EdDSA', key => $private);

Needs nothing but Perl's own modules and, for keys, the command openssl.

=cut

package RealtimeToken;

use strict;
use warnings;

use Digest::SHA qw(hmac_sha256 hmac_sha512);
use Exporter 'import';
use File::Temp;
use JSON::PP;
use MIME::Base64 qw(encode_base64url decode_base64url);
use PostgreSQL::Test::Utils;

our @EXPORT = qw(jwt key_pair okp_jwk);

my $json = JSON::PP->new->canonical;

=over

=item jwt(claims, secret => ..., alg => 'HS256', kid => ..., key => file)

A token; claims are a hash, or a text that is taken as it is.

=cut

sub jwt
{
	my ($claims, %option) = @_;
	my $alg = $option{alg} // 'HS256';
	my %header = (alg => $alg, typ => 'JWT',
		defined $option{kid} ? (kid => $option{kid}) : ());
	my $text = join '.', map { encode_base64url($_) } $json->encode(\%header),
		ref $claims ? $json->encode($claims) : $claims;
	my $signature =
		$alg eq 'HS256' ? hmac_sha256($text, $option{secret})
	  : $alg eq 'HS512' ? hmac_sha512($text, $option{secret})
	  : $alg eq 'none' ? ''
	  : sign($text, $alg, $option{key});

	return $text . '.' . encode_base64url($signature);
}

sub sign
{
	my ($text, $alg, $key) = @_;
	my $in = File::Temp->new;
	my $out = File::Temp->new;

	print $in $text;
	close $in;
	system_or_bail('openssl', $alg eq 'EdDSA'
		? ('pkeyutl', '-sign', '-rawin', '-inkey', $key, '-in', "$in", '-out', "$out")
		: ('dgst', '-sha' . substr($alg, 2), '-sign', $key, '-out', "$out", "$in"));
	return slurp_file("$out");
}

=item key_pair(folder, kind)

Makes a key, kind being ed25519 or rsa; returns the files of the public and of
the private one.

=back

=cut

sub key_pair
{
	my ($folder, $kind) = @_;
	my $private = "$folder/$kind.key";
	my $public = "$folder/$kind.pem";

	system_or_bail('openssl', 'genpkey', '-quiet', '-algorithm', $kind, '-out', $private);
	system_or_bail('openssl', 'pkey', '-in', $private, '-pubout', '-out', $public);
	return ($public, $private);
}

# The JSON Web Key of an Ed25519 key: its last 32 bytes, as DER ends with them.
sub okp_jwk
{
	my ($public, $kid) = @_;
	my $pem = slurp_file($public);

	$pem =~ s/-----[^-]+-----|\s//g;
	return $json->encode({ kty => 'OKP', crv => 'Ed25519', kid => $kid, alg => 'EdDSA',
		x => encode_base64url(substr(MIME::Base64::decode_base64($pem), -32)) });
}

1;
