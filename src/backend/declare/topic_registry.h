/*
 * topic_registry.h
 *		What is declared with realtime.topic(), taken as the list of all topics
 *		that there ought to be.
 */
#ifndef RT_BACKEND_DECLARE_TOPIC_REGISTRY_H
#define RT_BACKEND_DECLARE_TOPIC_REGISTRY_H

/*
 * WARNING if topics are declared, and a topic or template of another declaration
 * matches none of them.  kind and name tell whose it is: channel "chat/typing".
 */
extern void rt_topic_registry_check_topic(const char *kind, const char *name,
										  const char *topic);
extern void rt_topic_registry_check_template(const char *kind, const char *name,
											 const char *tpl);

#endif							/* RT_BACKEND_DECLARE_TOPIC_REGISTRY_H */
