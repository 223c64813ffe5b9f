/*
 * class_change.h
 *		What follows from a change of the class of topics, and of what their
 *		events go through.
 */
#ifndef RT_BACKEND_DECLARE_CLASS_CHANGE_H
#define RT_BACKEND_DECLARE_CLASS_CHANGE_H

/* Once, after rt_handover_install(): what it publishes is published after it. */
extern void rt_class_change_install(void);

/*
 * To be called when a row comes, goes or changes that declares topics, with
 * their template, while rt_declarations_refresh() does not see it yet.
 */
extern void rt_class_change_note(const char *tpl);

/* The same for what concerns the events of a stream, by its path. */
extern void rt_class_change_note_stream(const char *path);

/* The same for all templates that are declared. */
extern void rt_class_change_note_all(void);

#endif							/* RT_BACKEND_DECLARE_CLASS_CHANGE_H */
