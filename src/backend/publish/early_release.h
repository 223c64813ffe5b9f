/*
 * early_release.h
 *		Commits that let go of their topics before they are flushed.
 */
#ifndef RT_BACKEND_PUBLISH_EARLY_RELEASE_H
#define RT_BACKEND_PUBLISH_EARLY_RELEASE_H

/* Registers the callbacks; once, from rt_backend_install(). */
extern void rt_early_release_install(void);

/*
 * At PRE_COMMIT, when the topics are locked and others want them: lets them
 * have the topics before this commit is flushed, if it would wait for a flush.
 */
extern void rt_early_release_ask(void);

#endif							/* RT_BACKEND_PUBLISH_EARLY_RELEASE_H */
