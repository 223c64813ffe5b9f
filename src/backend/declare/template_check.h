/*
 * template_check.h
 *		Whether a topic template goes with those that are declared already.
 */
#ifndef RT_BACKEND_DECLARE_TEMPLATE_CHECK_H
#define RT_BACKEND_DECLARE_TEMPLATE_CHECK_H

#include "src/compat.h"

/*
 * Raises if realtime.topic() has declared a template that differs in nothing
 * but the names of placeholders.
 */
extern void rt_template_check_names(const char *tpl);

/*
 * Raises if a topic or a stream of the same form has another class.  path is
 * that of the stream that is being declared, which may have had one, or NULL:
 * then it is a topic.
 */
extern void rt_template_check_class(const char *tpl, const char *topic_class,
									const char *path);

/*
 * Raises if another stream of the same form has another transform or another
 * coalesce_by (NULL = none): an event of the topic is one for all that follow
 * it.
 */
extern void rt_template_check_stream(const char *tpl, const char *path,
									 const char *transform,
									 const char *coalesce_by);

/*
 * The same of the steps of pipes that events go through, as text, and then of the
 * keys of rows.
 */
extern void rt_template_check_pipe(const char *tpl, const char *path, const char *key,
								   const char *live);

/* Whether two checked templates differ in names of placeholders at most. */
extern bool rt_template_same_form(const char *a, const char *b);

#endif							/* RT_BACKEND_DECLARE_TEMPLATE_CHECK_H */
