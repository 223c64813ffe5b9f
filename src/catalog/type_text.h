/*
 * type_text.h
 *		Types whose values have one text, whatever the settings of the session
 *		that writes it.
 */
#ifndef RT_CATALOG_TYPE_TEXT_H
#define RT_CATALOG_TYPE_TEXT_H

#include "src/compat.h"

/*
 * Whether what rt_value_text() makes of a value of this type is the same in all
 * sessions, so that it can name a topic or a row.
 */
extern bool rt_type_has_fixed_text(Oid type);

#endif							/* RT_CATALOG_TYPE_TEXT_H */
