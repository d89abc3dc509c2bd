/* SPDX-License-Identifier: Apache-2.0 */
#include "server/session.h"

#include <event2/event.h>
#include <stdlib.h>

#include "server/conn.h"

/* A source that holds a snapshot is let go of by a worker: closing a database is its affair. */
struct closing {
	struct nz_job job;
	struct nz_source *source;
};

static void close_source(struct nz_job *job, struct nz_worker *worker)
{
	struct closing *closing = (struct closing *)(void *)job;

	(void)worker;
	closing->source->ops->end(closing->source);
	nz_source_close(&closing->source);
}

static void free_closing(struct nz_job *job)
{
	free(job);
}

void nz_session_let_go(struct nz_server *server, struct nz_source *source)
{
	struct closing *closing = source != NULL ? calloc(1, sizeof *closing) : NULL;

	if (source == NULL)
		return;
	if (closing == NULL) { /* better a slow loop than a source that stays locked */
		source->ops->end(source);
		nz_source_close(&source);
		return;
	}
	*closing = (struct closing){.job = {.run = close_source, .done = free_closing},
	                            .source = source};
	nz_workers_submit(server->workers, &closing->job);
}

void nz_session_discard(struct nz_session *session)
{
	nz_secret_clear(&session->authentication);
	nz_block_cipher_free(&session->cipher);
	nz_nonces_clear(&session->nonces);
	nz_index_release(&session->index);
	nz_platform_release(&session->platform);
	nz_session_let_go(session->server, session->held);
	if (session->expiry != NULL)
		event_free(session->expiry);
	if (session->held_expiry != NULL)
		event_free(session->held_expiry);
	free(session);
}

static void remember(struct nz_sessions *sessions, const struct nz_session_facts *facts)
{
	if (sessions->ended == NULL)
		sessions->ended = calloc(NZ_SESSIONS_REMEMBERED, sizeof *sessions->ended);
	if (sessions->ended == NULL)
		return; /* its successor gets 1007 and opens without `continues` */
	sessions->ended[sessions->ended_next++ % NZ_SESSIONS_REMEMBERED] = *facts;
}

static void log_end(const struct nz_session *session, const char *why)
{
	struct nz_log log;

	nz_log_begin(&log, NZ_LOG_INFO, "session_closed");
	nz_log_str(&log, "session", session->facts.id);
	nz_log_str(&log, "node_id", session->facts.node_id);
	nz_log_str(&log, "dataset", session->facts.dataset);
	nz_log_str(&log, "why", why);
	nz_log_int(&log, "records", (int64_t)session->records);
	nz_log_int(&log, "bytes", (int64_t)session->bytes);
	nz_log_int(&log, "ms", nz_clock_monotonic_ms() - session->opened_ms);
	nz_log_end(&log);
}

void nz_session_end(struct nz_session *session, const char *why)
{
	struct nz_sessions *sessions = &session->server->sessions;
	struct nz_conn *conn = session->conn;

	if (session->ended)
		return;
	session->ended = true;
	log_end(session, why);
	remember(sessions, &session->facts);
	*session->link = session->next;
	if (session->next != NULL)
		session->next->link = session->link;
	*session->link_here = session->next_here;
	if (session->next_here != NULL)
		session->next_here->link_here = session->link_here;
	sessions->count--;
	conn->session_count--;
	session->conn = NULL;
	event_del(session->expiry);
	event_del(session->held_expiry);
	nz_secret_clear(&session->authentication);
	if (!session->busy)
		nz_session_discard(session);
	nz_conn_sessions_changed(conn);
}

/* A snapshot is not held for longer than was said; a stream that uses it looks to that itself. */
static void on_held_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct nz_session *session = arg;

	(void)fd, (void)what;
	nz_session_let_go(session->server, session->held);
	session->held = NULL;
}

bool nz_session_idle(struct nz_session *session, struct nz_source *held)
{
	const bool ended = session->ended;

	session->busy = false;
	if (held != NULL)
		session->held = held;
	if (session->held != NULL && nz_clock_monotonic_ms() >= session->held_until_ms)
		on_held_expiry(-1, 0, session);
	if (ended)
		nz_session_discard(session);
	return !ended;
}

void nz_sessions_end_all(struct nz_conn *conn)
{
	while (conn->sessions != NULL)
		nz_session_end(conn->sessions, "connection closed");
}

/* At the deadline keys die whatever happens; a stream that still runs goes with its connection. */
static void on_expiry(evutil_socket_t fd, short what, void *arg)
{
	struct nz_session *session = arg;
	struct nz_conn *conn = session->conn;
	const bool in_use = conn->exchange != NULL &&
	                    strcmp(conn->exchange_session, session->facts.id) == 0;

	(void)fd, (void)what;
	nz_session_end(session, "expired");
	if (in_use || conn->sessions == NULL)
		nz_conn_close(conn);
}

enum nz_status nz_session_begin(struct nz_session *session, struct nz_conn *conn)
{
	struct nz_server *server = session->server;
	const struct nz_settings *s = &server->settings;
	const struct timeval life = {.tv_sec = (time_t)s->session_lifetime_s};
	struct nz_session **last = &conn->sessions;
	const struct timeval hold = {.tv_sec = (time_t)s->snapshot_s};

	session->expiry = evtimer_new(server->base, on_expiry, session);
	session->held_expiry = evtimer_new(server->base, on_held_expiry, session);
	if (session->expiry == NULL || session->held_expiry == NULL ||
	    event_add(session->expiry, &life) != 0 ||
	    (session->held != NULL && event_add(session->held_expiry, &hold) != 0))
		return NZ_NO_MEMORY;
	if (conn->session_count >= NZ_SESSIONS_PER_CONNECTION)
		nz_session_end(conn->sessions, "replaced");
	session->opened_ms = nz_clock_monotonic_ms();
	session->expires_ms = session->opened_ms + s->session_lifetime_s * 1000;
	session->held_until_ms = session->opened_ms + s->snapshot_s * 1000;
	session->rekey_ms = session->expires_ms - s->rekey_before_s * 1000;
	session->conn = conn;
	while (*last != NULL)
		last = &(*last)->next_here;
	*last = session;
	session->link_here = last;
	session->next = server->sessions.all;
	session->link = &server->sessions.all;
	if (session->next != NULL)
		session->next->link = &session->next;
	server->sessions.all = session;
	server->sessions.count++;
	conn->session_count++;
	nz_conn_sessions_changed(conn);
	return NZ_OK;
}

struct nz_session *nz_session_find(struct nz_conn *conn, const char *id)
{
	struct nz_session *session = conn->sessions;

	while (session != NULL && strcmp(session->facts.id, id) != 0)
		session = session->next_here;
	/* The clock runs through suspend, which the timer may not do. */
	return session != NULL && nz_clock_monotonic_ms() < session->expires_ms ? session : NULL;
}

struct nz_session_facts *nz_session_facts_find(struct nz_sessions *sessions, const char *id)
{
	for (struct nz_session *s = sessions->all; s != NULL; s = s->next)
		if (strcmp(s->facts.id, id) == 0)
			return &s->facts;
	for (size_t i = 0; sessions->ended != NULL && i < NZ_SESSIONS_REMEMBERED; i++)
		if (strcmp(sessions->ended[i].id, id) == 0)
			return &sessions->ended[i];
	return NULL;
}

size_t nz_sessions_of_node(const struct nz_sessions *sessions, const char *node_id)
{
	size_t count = 0;

	for (const struct nz_session *s = sessions->all; s != NULL; s = s->next)
		count += strcmp(s->facts.node_id, node_id) == 0;
	return count;
}

void nz_sessions_incident(struct nz_sessions *sessions, const char *id, const char *incident)
{
	struct nz_session_facts *facts = nz_session_facts_find(sessions, id);

	if (facts != NULL && facts->incident[0] == '\0')
		strncpy(facts->incident, incident, sizeof facts->incident - 1);
}

void nz_sessions_clear(struct nz_sessions *sessions)
{
	free(sessions->ended);
	sessions->ended = NULL;
}
