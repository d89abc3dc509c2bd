/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions: keys, what they may read, how long. A session lives on one TLS connection and dies with
 * it, at its deadline, or when it is closed; its keys are wiped then. What is kept for a while is who
 * it was of, without keys, so that the next one can continue it.
 *
 * All on the event loop, but that a stream's job works with the session's cipher while `busy` is set:
 * a session that ends meanwhile is taken apart when the job is back.
 */
#ifndef NZ_SERVER_SESSION_H
#define NZ_SERVER_SESSION_H

#include "proto/block.h"
#include "proto/handshake.h"
#include "server/index.h"
#include "server/nonces.h"
#include "server/platform.h"
#include "source/source.h"

struct event;
struct nz_conn;
struct nz_server;

#define NZ_SESSIONS_PER_CONNECTION 4 /* one more ends the oldest */
#define NZ_SESSIONS_REMEMBERED 1024  /* ended ones, for `continues` */
#define NZ_INCIDENT_TEXT_BYTES 33

/* What a session is besides its keys: this is what `continues` asks for. */
struct nz_session_facts {
	char id[NZ_SESSION_ID_CHARS + 1];
	char node_id[NZ_NODE_ID_MAX_BYTES + 1];
	char dataset[NZ_DATASET_NAME_MAX_BYTES + 1];
	unsigned turned_back; /* sessions before this one that ended because the source moved */
	bool moved;           /* this one did, too */
	char incident[NZ_INCIDENT_TEXT_BYTES]; /* of the first failure in it, or "" */
};

struct nz_session {
	struct nz_server *server;
	struct nz_session *next, **link;         /* of all */
	struct nz_session *next_here, **link_here; /* on its connection, oldest first */
	struct nz_conn *conn;
	struct nz_session_facts facts;
	struct nz_statement statement;
	struct nz_platform *platform;   /* whose key signed the statement */
	struct nz_index *index;         /* what it reads */
	struct nz_source *held;         /* a source inside a snapshot that the index was made from, or NULL */
	int64_t held_until_ms;          /* nz_clock_monotonic_ms */
	struct event *held_expiry;
	struct nz_secret authentication;
	struct nz_block_cipher *cipher;
	struct nz_nonces nonces;
	int64_t opened_ms, rekey_ms, expires_ms; /* nz_clock_monotonic_ms */
	struct event *expiry;
	uint64_t records, bytes; /* sent */
	bool busy, ended;
};

struct nz_sessions {
	struct nz_session *all;
	size_t count;
	struct nz_session_facts *ended; /* a ring of NZ_SESSIONS_REMEMBERED */
	size_t ended_next;
};
void nz_sessions_clear(struct nz_sessions *sessions);

/*
 * Puts a session (from calloc, filled in: facts, statement, platform, index, held, authentication,
 * cipher) onto a connection and starts its clock. From here on it is nz_session_end's to free.
 */
enum nz_status nz_session_begin(struct nz_session *session, struct nz_conn *conn) NZ_MUST_USE;
/* Wipes its keys and lets go of everything, once no job uses it. why: for the log. */
void nz_session_end(struct nz_session *session, const char *why);
/* Frees a session that was never begun. */
void nz_session_discard(struct nz_session *session);
/*
 * What made it busy is over. held: the source that was taken from it, or NULL. May free it; false when
 * it had ended.
 */
bool nz_session_idle(struct nz_session *session, struct nz_source *held);
/* Ends the snapshot of a held source and closes it, on a worker. NULL: nothing. */
void nz_session_let_go(struct nz_server *server, struct nz_source *held);
/* All of a connection's. */
void nz_sessions_end_all(struct nz_conn *conn);

/* On that connection, not yet expired; else NULL. */
struct nz_session *nz_session_find(struct nz_conn *conn, const char *id);
/* Facts of a session live or remembered; NULL where there is none of that id. */
struct nz_session_facts *nz_session_facts_find(struct nz_sessions *sessions, const char *id);
size_t nz_sessions_of_node(const struct nz_sessions *sessions, const char *node_id);
/* Notes an incident with a session, unless it has one. */
void nz_sessions_incident(struct nz_sessions *sessions, const char *id, const char *incident);

#endif
