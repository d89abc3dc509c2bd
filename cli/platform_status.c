/* SPDX-License-Identifier: Apache-2.0 */
/* nz platform status. */
#include "platform.h"

#include <nz/clock.h>
#include <nz/pki.h>

#define DAY_S (24 * 60 * 60)
#define WARN_DAYS 30
#define KEY_DAYS 90

struct report {
	struct nz_json_doc *doc;
	struct nz_json *root, *datasets, *nodes;
	struct nz_buffer text;
	int64_t now;
};

static void report_clear(struct report *r)
{
	nz_json_free(&r->doc);
	nz_buffer_clear(&r->text);
}

/* Whole days from now to then, negative when past. */
static int64_t days_left(int64_t now, int64_t then)
{
	const int64_t seconds = then - now;

	return seconds >= 0 ? seconds / DAY_S : -((-seconds + DAY_S - 1) / DAY_S);
}

static enum nz_status add_certificate(struct report *r, struct nz_state *state,
                                      struct nz_json *certificates, const char *name,
                                      const char *value, struct nz_error *err)
{
	char when[NZ_TIME_CHARS];
	int64_t expiry;
	NZ_BUFFER(pem);

	NZ_TRY(state->ops->get(state, value, &pem, err));
	NZ_TRY(nz_pki_expiry(nz_buffer_bytes(&pem), &expiry, err));
	const int64_t days = days_left(r->now, expiry);
	struct nz_json *one = nz_json_make_object(r->doc);
	nz_json_set_int(r->doc, one, "expires_at", expiry);
	nz_json_set_int(r->doc, one, "days_left", days);
	nz_json_set(r->doc, certificates, name, one);
	nz_time_text(expiry, when);
	return nz_buffer_appendf(&r->text, "%-8s certificate until %s, %lld days left%s\n", name,
	                         when, (long long)days,
	                         days < 0           ? ": EXPIRED, run 'nz platform renew'"
	                         : days < WARN_DAYS ? ": run 'nz platform renew'"
	                                            : "");
}

static enum nz_status visit_dataset(void *context, const struct nz_dataset *d)
{
	struct report *r = context;
	struct nz_json *one = nz_json_make_object(r->doc);
	char root[2 * NZ_SHA256_BYTES + 1] = "", when[NZ_TIME_CHARS];

	if (d->epoch > 0)
		nz_hex_encode(nz_bytes_of(d->root.bytes, sizeof d->root.bytes), root);
	nz_time_text(d->indexed_at, when);
	nz_json_set_str(r->doc, one, "name", d->name);
	nz_json_set_int(r->doc, one, "epoch", d->epoch);
	nz_json_set_str(r->doc, one, "root", root);
	nz_json_set_int(r->doc, one, "records", d->records);
	nz_json_set_int(r->doc, one, "bytes", d->bytes);
	nz_json_set_int(r->doc, one, "indexed_at", d->indexed_at);
	nz_json_push(r->doc, r->datasets, one);
	if (d->epoch == 0)
		return nz_buffer_appendf(&r->text, "dataset  %s, not indexed yet\n", d->name);
	return nz_buffer_appendf(&r->text,
	                         "dataset  %s epoch %lld root %.12s… %lld records, indexed %s\n",
	                         d->name, (long long)d->epoch, root, (long long)d->records, when);
}

static enum nz_status visit_node(void *context, const struct nz_pin *pin)
{
	struct report *r = context;
	struct nz_json *one = nz_json_make_object(r->doc);
	const int64_t days = days_left(r->now, pin->pinned_at + (int64_t)KEY_DAYS * DAY_S);

	nz_json_set_str(r->doc, one, "node_id", pin->node.node_id);
	nz_json_set_str(r->doc, one, "state", nz_node_state_name(pin->state));
	nz_json_set_int(r->doc, one, "pinned_at", pin->pinned_at);
	nz_json_set_int(r->doc, one, "days_left", days);
	nz_json_push(r->doc, r->nodes, one);
	return nz_buffer_appendf(&r->text, "node     %s %s, rotation due in %lld days\n",
	                         pin->node.node_id, nz_node_state_name(pin->state),
	                         (long long)days);
}

static enum nz_status collect(struct report *r, struct nz_state *state, struct nz_error *err)
{
	struct nz_json *certificates = nz_json_make_object(r->doc);
	char platform[65];
	NZ_BUFFER(pem);

	NZ_TRY(state->ops->get(state, NZ_STATE_ROOT_PEM, &pem, err));
	NZ_TRY(nz_pki_platform_id(nz_buffer_bytes(&pem), platform, err));
	NZ_TRY(nz_buffer_appendf(&r->text, "platform %s\n", platform));
	nz_json_set_str(r->doc, r->root, "platform", platform);
	NZ_TRY(add_certificate(r, state, certificates, "root", NZ_STATE_ROOT_PEM, err));
	NZ_TRY(add_certificate(r, state, certificates, "tls", NZ_STATE_TLS_CERT, err));
	NZ_TRY(add_certificate(r, state, certificates, "signing", NZ_STATE_SIGN_CERT, err));
	nz_json_set(r->doc, r->root, "certificates", certificates);
	NZ_TRY(state->ops->dataset_list(state, visit_dataset, r, err));
	NZ_TRY(state->ops->node_list(state, visit_node, r, err));
	nz_json_set(r->doc, r->root, "datasets", r->datasets);
	nz_json_set(r->doc, r->root, "nodes", r->nodes);
	return nz_json_failed(r->doc);
}

static enum nz_status report(const struct nz_args *args, struct report *r, struct nz_error *err)
{
	NZ_STATE(state);

	NZ_TRY(nz_json_new(&r->doc));
	r->now = nz_clock_unix();
	r->root = nz_json_make_object(r->doc);
	r->datasets = nz_json_make_array(r->doc);
	r->nodes = nz_json_make_array(r->doc);
	NZ_TRY(nz_platform_open(args, &state, err));
	return collect(r, state, err);
}

int nz_run_platform_status(const struct nz_args *args)
{
	struct report r NZ_CLEANUP(report_clear) = {.doc = NULL};
	struct nz_error err = {0};

	if (report(args, &r, &err) != NZ_OK)
		return nz_platform_fail(args, &err);
	return nz_platform_print(args, r.root, &r.text);
}
