/*
 * http.h
 *		Plain HTTP of a gateway: refusing upgrades, health, static files.
 */
#ifndef RT_GATEWAY_DOOR_HTTP_H
#define RT_GATEWAY_DOOR_HTTP_H

struct lws;
struct lws_http_mount;

/*
 * callback: decides about an upgrade.  0 = accepted, 1 = answered with a
 * status, -1 = hang up.
 */
extern int	rt_http_on_upgrade(struct lws *wsi);

/* callback: any other request, before anything is done with it. */
extern int	rt_http_on_filter(struct lws *wsi, const char *path);

/* callback: a request that no mount serves. */
extern int	rt_http_on_request(struct lws *wsi);

/* The mounts of realtime.document_root, or NULL. */
extern const struct lws_http_mount *rt_http_mounts(void);

/* Reads the settings again, outside the library's frames. */
extern void rt_http_configure(void);

#endif							/* RT_GATEWAY_DOOR_HTTP_H */
