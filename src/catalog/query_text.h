/*
 * query_text.h
 *		The SELECT of a live query whose rows a function returns.
 */
#ifndef RT_CATALOG_QUERY_TEXT_H
#define RT_CATALOG_QUERY_TEXT_H

#include "src/compat.h"

/* SELECT * FROM schema.function($1, ...), all its parameters given. */
extern char *rt_query_text_of_loader(Oid function);

#endif							/* RT_CATALOG_QUERY_TEXT_H */
