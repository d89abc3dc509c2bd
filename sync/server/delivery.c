/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams on their way to the peer.
 *
 * A worker makes the next step while the last ones drain. No more than OUTSTANDING_MAX waits in the
 * connection's buffer, so a slow peer costs that much memory and no thread. The pieces are handed to
 * libevent by reference and come back when they are sent, to be filled again.
 *
 * The session is busy from the request to the last block: what a step works with is its cipher and
 * perhaps a source held for it, and both must outlive the step.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <event2/http.h>
#include <stdlib.h>

#include "server/handlers.h"
#include "server/stream.h"

#define OUTSTANDING_MAX ((size_t)768 << 10)
#define PIECE_KEEP_BYTES ((size_t)512 << 10) /* a larger piece is not kept for the next step */

struct delivery;
struct piece {
	struct delivery *delivery;
	struct piece *next; /* of those to be filled */
	struct nz_buffer bytes;
};

enum errand { STEP, REST, CLEAR };

struct delivery {
	struct nz_job job;
	enum errand errand;
	bool out; /* the job is with a worker: stream, making and held are its */
	struct nz_server *server;
	struct nz_exchange *x; /* NULL once the answer is complete or nobody waits for it */
	struct nz_session *session; /* NULL once it is idle again */
	struct nz_stream stream;
	struct nz_source *held; /* on its way back to the session */
	enum nz_status status;
	struct nz_error err;
	struct piece *making, *spare;
	size_t outstanding; /* bytes given to libevent and not yet sent */
	size_t pieces;      /* that exist */
	struct event *rest; /* when an open snapshot should end although nobody wants a batch */
	bool begun;
};

/* ---- on a worker ---- */

static void run_step(struct delivery *d, struct nz_worker *worker)
{
	struct nz_stream *s = &d->stream;

	d->status = nz_stream_step(s, worker, &d->making->bytes, &d->err);
	if (d->status != NZ_OK || s->ended) {
		d->held = nz_batch_reader_give_back(&s->reader);
		nz_batch_reader_clear(&s->reader);
	}
}

static void run(struct nz_job *job, struct nz_worker *worker)
{
	struct delivery *d = (struct delivery *)(void *)job;

	switch (d->errand) {
	case STEP:
		run_step(d, worker);
		break;
	case REST:
		nz_batch_reader_rest(&d->stream.reader);
		break;
	case CLEAR:
		d->held = nz_batch_reader_give_back(&d->stream.reader);
		nz_batch_reader_clear(&d->stream.reader);
		break;
	}
}

/* ---- on the event loop ---- */

static void pump(struct delivery *d);

static void free_piece(struct piece *piece)
{
	piece->delivery->pieces--;
	nz_buffer_clear(&piece->bytes);
	free(piece);
}

/* Frees it when nothing refers to it any more: no exchange, no job, no piece on its way. */
static void free_unused(struct delivery *d)
{
	struct piece *piece;

	if (d->x != NULL || d->out || d->session != NULL)
		return;
	while ((piece = d->spare) != NULL) {
		d->spare = piece->next;
		free_piece(piece);
	}
	if (d->pieces > 0)
		return;
	nz_stream_clear(&d->stream);
	event_free(d->rest);
	free(d);
}

static void submit(struct delivery *d, enum errand errand)
{
	d->errand = errand;
	d->out = true;
	nz_workers_submit(d->server->workers, &d->job);
}

/* The session goes on without the stream; false where it has ended. */
static bool release_session(struct delivery *d)
{
	struct nz_session *session = d->session;

	if (session == NULL)
		return false;
	d->session = NULL;
	session->records += d->stream.records;
	session->bytes += d->stream.bytes;
	if (d->stream.moved)
		session->facts.moved = true;
	struct nz_source *held = d->held;

	d->held = NULL;
	return nz_session_idle(session, held);
}

/* The peer is gone. A worker lets go of the source, then the session is free to end. */
static void abandon(struct delivery *d)
{
	struct nz_exchange *x = d->x;

	d->x = NULL;
	event_del(d->rest);
	if (d->session != NULL && !d->out)
		submit(d, CLEAR);
	nz_exchange_end(x);
	free_unused(d);
}

static void on_orphan(struct nz_exchange *x)
{
	struct delivery *d = x->own;

	if (!d->out)
		abandon(d);
}

static void on_sent(const void *data, size_t len, void *arg)
{
	struct piece *piece = arg;
	struct delivery *d = piece->delivery;

	(void)data;
	d->outstanding -= len;
	if (piece->bytes.cap > PIECE_KEEP_BYTES)
		nz_buffer_clear(&piece->bytes);
	nz_buffer_reset(&piece->bytes);
	piece->next = d->spare;
	d->spare = piece;
	if (d->x != NULL && d->x->conn != NULL)
		pump(d);
	else
		free_unused(d);
}

static struct piece *take_piece(struct delivery *d)
{
	struct piece *piece = d->spare;

	if (piece != NULL) {
		d->spare = piece->next;
	} else if ((piece = calloc(1, sizeof *piece)) != NULL) {
		piece->delivery = d;
		d->pieces++;
	}
	return piece;
}

/* Has the next step made, unless enough is waiting to be sent. */
static void pump(struct delivery *d)
{
	if (d->out || d->stream.ended || d->status != NZ_OK)
		return;
	if (d->outstanding < OUTSTANDING_MAX && (d->making = take_piece(d)) != NULL) {
		event_del(d->rest);
		submit(d, STEP);
		return;
	}
	const struct nz_batch_reader *reader = &d->stream.reader;

	if (reader->in_snapshot && !reader->held) {
		const int64_t left_ms = reader->rest_ms - nz_clock_monotonic_ms();
		const struct timeval wait = {.tv_sec = left_ms > 0 ? left_ms / 1000 : 0,
		                             .tv_usec = left_ms > 0 ? left_ms % 1000 * 1000 : 0};

		event_add(d->rest, &wait);
	}
}

static void on_rest(evutil_socket_t fd, short what, void *arg)
{
	struct delivery *d = arg;

	(void)fd, (void)what;
	if (!d->out)
		submit(d, REST);
}

/* The answer is a refusal as long as nothing was sent, and a cut connection afterwards. */
static void fail(struct delivery *d)
{
	struct nz_exchange *x = d->x;
	struct nz_session *session = d->session;
	struct nz_conn *conn = x->conn;
	const bool begun = d->begun, spent = d->stream.hello_said;

	nz_refuse_fault(&x->refusal, d->status, &d->err, true);
	const bool alive = release_session(d);

	if (!begun) {
		d->x = NULL;
		x->orphaned = NULL;
		if (alive && spent) /* block numbers are used up that the peer will not see */
			nz_session_end(session, "stream failed");
		nz_exchange_refuse(x);
		free_unused(d);
		return;
	}
	nz_exchange_log_refusal(x);
	nz_conn_close(conn); /* abandons it */
}

static void send_piece(struct delivery *d)
{
	struct nz_exchange *x = d->x;
	struct piece *piece = d->making;
	struct evbuffer *buf = evbuffer_new();

	d->making = NULL;
	if (buf == NULL || evbuffer_add_reference(buf, piece->bytes.ptr, piece->bytes.len, on_sent,
	                                          piece) != 0) {
		if (buf != NULL)
			evbuffer_free(buf);
		free_piece(piece);
		nz_conn_close(x->conn);
		return;
	}
	d->outstanding += piece->bytes.len;
	if (!d->begun)
		nz_exchange_begin_blocks(x);
	d->begun = true;
	evhttp_send_reply_chunk(x->req, buf);
	evbuffer_free(buf);
	if (!d->stream.ended) {
		pump(d);
		return;
	}
	release_session(d);
	d->x = NULL;
	x->orphaned = NULL;
	evhttp_send_reply_end(x->req);
	nz_exchange_end(x);
	free_unused(d);
}

static void done(struct nz_job *job)
{
	struct delivery *d = (struct delivery *)(void *)job;

	d->out = false;
	if (d->making != NULL && (d->x == NULL || d->x->conn == NULL || d->status != NZ_OK)) {
		free_piece(d->making);
		d->making = NULL;
	}
	if (d->x == NULL) {
		release_session(d);
		free_unused(d);
	} else if (d->x->conn == NULL) {
		abandon(d);
	} else if (d->errand == REST) {
		pump(d);
	} else if (d->status != NZ_OK) {
		fail(d);
	} else {
		send_piece(d);
	}
}

/* Starts a stream of that kind as the answer to x. d has what is asked for in its stream. */
static void start(struct delivery *d, struct nz_exchange *x, enum nz_stream_kind kind)
{
	struct nz_session *session = x->session;
	struct nz_stream *s = &d->stream;

	nz_stream_init(s, kind, session->index, session->cipher, x->mac, session->rekey_ms);
	if (kind != NZ_STREAM_MANIFEST && session->held != NULL) {
		nz_batch_reader_take(&s->reader, s->index, session->held, session->held_until_ms);
		session->held = NULL;
	}
	d->x = x;
	d->session = session;
	session->busy = true;
	x->own = d;
	x->orphaned = on_orphan;
	pump(d);
	if (!d->out) {
		d->status = NZ_NO_MEMORY;
		d->held = nz_batch_reader_give_back(&s->reader);
		fail(d);
	}
}

static struct delivery *new_delivery(struct nz_server *server)
{
	struct delivery *d = calloc(1, sizeof *d);

	if (d == NULL)
		return NULL;
	d->job = (struct nz_job){.run = run, .done = done};
	d->server = server;
	d->rest = evtimer_new(server->base, on_rest, d);
	if (d->rest == NULL) {
		free(d);
		return NULL;
	}
	return d;
}

/* What was asked for is not to be had: d was never started. */
static void refuse_request(struct delivery *d, struct nz_exchange *x, int code, const char *why)
{
	nz_refuse(&x->refusal, code, "%s", why);
	if (d != NULL)
		free_unused(d);
	nz_exchange_refuse(x);
}

static void refuse_parse(struct delivery *d, struct nz_exchange *x, enum nz_status status,
                         const struct nz_error *err)
{
	refuse_request(d, x, status == NZ_LIMIT ? NZ_API_OVER_LIMIT : NZ_API_MALFORMED,
	               err->message);
}

void nz_handle_blocks(struct nz_exchange *x)
{
	struct delivery *d = new_delivery(x->server);
	const size_t count = x->session->index->count;
	struct nz_error err = {0};

	if (d == NULL) {
		refuse_request(d, x, NZ_API_INTERNAL, "no memory");
		return;
	}
	struct nz_blocks_request *request = &d->stream.blocks;
	const enum nz_status status =
		nz_blocks_request_parse(nz_buffer_bytes(&x->body), request, &err);

	if (status != NZ_OK)
		refuse_parse(d, x, status, &err);
	else if (request->count > 0 && request->positions[request->count - 1] >= count)
		refuse_request(d, x, NZ_API_MALFORMED, "no such batch"); /* they ascend */
	else
		start(d, x, request->manifest ? NZ_STREAM_MANIFEST : NZ_STREAM_BATCHES);
}

void nz_handle_proof(struct nz_exchange *x)
{
	struct delivery *d = new_delivery(x->server);
	const struct nz_index *index = x->session->index;
	struct nz_error err = {0};

	if (d == NULL) {
		refuse_request(d, x, NZ_API_INTERNAL, "no memory");
		return;
	}
	struct nz_proof_request *request = &d->stream.proof;
	const enum nz_status status = nz_proof_request_parse(nz_bytes_str(x->query), request, &err);

	if (status != NZ_OK)
		refuse_parse(d, x, status, &err);
	else if (request->batch >= index->count ||
	         (request->count > 0 &&
	          request->records[request->count - 1] >= index->entries[request->batch].count))
		refuse_request(d, x, NZ_API_MALFORMED, "no such batch or record");
	else
		start(d, x, request->count > 0 ? NZ_STREAM_RECORDS : NZ_STREAM_LEAVES);
}
