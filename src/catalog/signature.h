/*
 * signature.h
 *		Functions named by text that survives a dump: app.send(text,integer).
 *
 * The text is what regprocedure prints with an empty search_path: the function
 * with its schema, parameter types with theirs unless it is pg_catalog.
 */
#ifndef RT_CATALOG_SIGNATURE_H
#define RT_CATALOG_SIGNATURE_H

#include "src/compat.h"

/* The signature of a function, or NULL if there is no such function. */
extern char *rt_signature(Oid function);

/*
 * Keeps a function's signature from changing by way of its schema or its
 * parameters' types: whoever changes those waits (rt_signature_part_lock())
 * until the end of the transaction, and so do we.  Their own functions'
 * locks are another matter.
 */
extern void rt_signature_lock(Oid function);

/* For who changes a schema or a type; whether a signature has the name of it. */
extern void rt_signature_part_lock(Oid class_id, Oid part);
extern bool rt_signature_has_part(Oid function, Oid class_id, Oid part);

/* The function of a signature, or InvalidOid; never an ERROR for a bad text. */
extern Oid	rt_signature_resolve(const char *signature);

/*
 * Whether two signatures mean the same: they may differ in quotes that are not
 * needed and in blanks after '(' and ','.
 */
extern bool rt_signatures_equal(const char *a, const char *b);

#endif							/* RT_CATALOG_SIGNATURE_H */
