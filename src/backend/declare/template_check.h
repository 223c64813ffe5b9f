/*
 * template_check.h
 *		Whether a topic template goes with those that are declared already, and
 *		what follows from a change of class.
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
 * To be called before a declaration is written, or when one has been removed
 * (topic_class NULL).  If the template had another class and topics that it
 * matches have events with numbers, no client may go on from such a number:
 * events in between have none.
 */
extern void rt_template_class_changes(const char *tpl, const char *topic_class);

#endif							/* RT_BACKEND_DECLARE_TEMPLATE_CHECK_H */
