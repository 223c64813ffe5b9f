/*
 * anchor.h
 *		What makes PostgreSQL know that a declaration needs its functions.
 */
#ifndef RT_BACKEND_DECLARE_ANCHOR_H
#define RT_BACKEND_DECLARE_ANCHOR_H

#include "src/catalog/declaration_table.h"

/* The anchor of a declaration, or InvalidOid. */
extern Oid	rt_anchor_find(const RtDeclarationTable *table, const char *declaration);

/* The name of a function if it is an anchor, else NULL. */
extern char *rt_anchor_name(Oid function);

/* Whether that is the name of a declaration's anchor. */
extern bool rt_anchor_has_name(const RtDeclarationTable *table,
							   const char *declaration, const char *name);

#endif							/* RT_BACKEND_DECLARE_ANCHOR_H */
