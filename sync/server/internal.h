/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server as its parts see it. Everything here belongs to the event loop's thread, but for what a
 * job carries to a worker and back (workers.h).
 */
#ifndef NZ_SERVER_INTERNAL_H
#define NZ_SERVER_INTERNAL_H

#include <nz/clock.h>
#include <nz/replay.h>

#include "server/config.h"
#include "server/datasets.h"
#include "server/log.h"
#include "server/platform.h"
#include "server/session.h"
#include "server/tls.h"
#include "server/workers.h"

struct event_base;
struct evhttp;
struct nz_conn;
struct nz_opening;

struct nz_server {
	const struct nz_crypto *crypto;
	struct event_base *base;
	struct evhttp *http;
	struct nz_settings settings;
	struct nz_tls *tls;
	struct nz_platform *platform;
	struct nz_replay *replay;   /* thread-safe: workers use it */
	struct nz_workers *workers; /* requests and streams */
	struct nz_workers *indexers;
	struct nz_sessions sessions;
	struct nz_datasets datasets;
	struct nz_conn *connections; /* all of them, doubly linked */
	size_t connection_count;
	int64_t crowd_logged_ms; /* when the log last said that there are too many connections */
	size_t opening;          /* opens that are being worked on */
	struct nz_opening *admitted; /* those of them that will become sessions: they count as such */
	bool draining;           /* no new sessions; what runs may finish */
	bool reloading;
	bool stopping;           /* nothing new at all */
};

#endif
