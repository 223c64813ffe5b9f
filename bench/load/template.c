/*
 * template.c
 *		Texts with placeholders, filled in some tens of nanoseconds.
 */
#include <stdio.h>
#include <string.h>

#include "load.h"
#include "template.h"

#define NUMBER_MAX 20			/* digits of a 64-bit number */

/* xorshift64*: every run draws the same numbers */
static uint64_t random_state = 0x9E3779B97F4A7C15ULL;

static uint64_t
next_random(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * 0x2545F4914F6CDD1DULL;
}

static void
add_piece(Template *t, TemplatePiece piece)
{
	if (t->count == TEMPLATE_PIECES)
		fail(EXIT_USAGE, "too many placeholders (at most %d)", TEMPLATE_PIECES / 2);
	t->pieces[t->count++] = piece;
	t->max_len += piece.kind == PIECE_LITERAL ? piece.len : NUMBER_MAX;
}

static void
add_literal(Template *t, const char *text, size_t len)
{
	if (len > 0)
		add_piece(t, (TemplatePiece) {.kind = PIECE_LITERAL,.text = text,.len = len});
}

/* Reads a placeholder; returns its length, 0 if the brace is just a brace. */
static size_t
parse_placeholder(const char *text, TemplatePiece *piece)
{
	unsigned long long low,
				high;
	int			len = 0;

	memset(piece, 0, sizeof(*piece));
	if (sscanf(text, "{rand:%llu:%llu}%n", &low, &high, &len) == 2 && len > 0)
	{
		if (low > high)
			fail(EXIT_USAGE, "empty range in \"%.*s\"", len, text);
		piece->kind = PIECE_RANDOM;
		piece->low = low;
		piece->range = high - low + 1;
		return (size_t) len;
	}
	if (strncmp(text, "{seq}", 5) == 0)
		return piece->kind = PIECE_SEQUENCE, 5;
	if (strncmp(text, "{t}", 3) == 0)
		return piece->kind = PIECE_TIME, 3;
	if (strncmp(text, "{id}", 4) == 0)
		return piece->kind = PIECE_ID, 4;
	return 0;
}

void
template_parse(Template *t, const char *text)
{
	const char *literal = text;

	memset(t, 0, sizeof(*t));
	while (*text != '\0')
	{
		TemplatePiece piece;
		size_t		len = *text == '{' ? parse_placeholder(text, &piece) : 0;

		if (len > 0)
		{
			add_literal(t, literal, (size_t) (text - literal));
			add_piece(t, piece);
			text += len;
			literal = text;
		}
		else
			text++;
	}
	add_literal(t, literal, (size_t) (text - literal));
}

static size_t
write_number(char *out, uint64_t number)
{
	char		digits[NUMBER_MAX];
	size_t		count = 0;

	do
	{
		digits[count++] = (char) ('0' + number % 10);
		number /= 10;
	} while (number > 0);
	for (size_t i = 0; i < count; i++)
		out[i] = digits[count - 1 - i];
	return count;
}

size_t
template_fill(Template *t, char *out, uint64_t id)
{
	char	   *p = out;

	for (int i = 0; i < t->count; i++)
	{
		const TemplatePiece *piece = &t->pieces[i];

		switch (piece->kind)
		{
			case PIECE_LITERAL:
				memcpy(p, piece->text, piece->len);
				p += piece->len;
				break;
			case PIECE_RANDOM:
				p += write_number(p, piece->low + next_random() % piece->range);
				break;
			case PIECE_SEQUENCE:
				p += write_number(p, ++t->sequence);
				break;
			case PIECE_TIME:
				p += write_number(p, wall_us());
				break;
			case PIECE_ID:
				p += write_number(p, id);
				break;
		}
	}
	return (size_t) (p - out);
}
