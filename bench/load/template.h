/*
 * template.h
 *		Texts with placeholders.
 *
 *	{rand:1:1000}	a random integer, both ends included
 *	{seq}			1, 2, 3, ...
 *	{t}				microseconds since 1970
 *	{id}			the number given to template_fill()
 *
 * Every other brace stands for itself, so JSON needs no escapes.
 */
#ifndef BENCH_TEMPLATE_H
#define BENCH_TEMPLATE_H

#include <stddef.h>
#include <stdint.h>

#define TEMPLATE_PIECES 64

typedef struct TemplatePiece
{
	enum
	{
		PIECE_LITERAL,
		PIECE_RANDOM,
		PIECE_SEQUENCE,
		PIECE_TIME,
		PIECE_ID
	}			kind;
	const char *text;			/* LITERAL */
	size_t		len;
	uint64_t	low;			/* RANDOM */
	uint64_t	range;
} TemplatePiece;

typedef struct Template
{
	TemplatePiece pieces[TEMPLATE_PIECES];
	int			count;
	size_t		max_len;		/* no filled text is longer */
	uint64_t	sequence;
} Template;

/* Ends the program if the text is not one; the text must live on. */
extern void template_parse(Template *t, const char *text);

/* Writes at most max_len bytes; returns how many. */
extern size_t template_fill(Template *t, char *out, uint64_t id);

#endif							/* BENCH_TEMPLATE_H */
