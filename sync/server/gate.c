/* SPDX-License-Identifier: Apache-2.0 */
#include "server/gate.h"

static const struct nz_json_limits open_limits = {NZ_HTTP_BODY_MAX, 16, 64};

void nz_admission_clear(struct nz_admission *admission)
{
	nz_verified_packet_free(&admission->packet);
	nz_pin_clear(&admission->pin);
}

/* The pinned key of the one node that the packet claims to be from. */
static enum nz_status resolve_pin(void *context, struct nz_bytes node_id, struct nz_node *out,
                                  struct nz_error *err)
{
	const struct nz_pin *pin = context;

	if (pin == NULL || !nz_bytes_equal(node_id, nz_bytes_str(pin->node.node_id)))
		return nz_fail_code(err, NZ_UNKNOWN, NZ_PACKET_FAULT_SENDER, "no such node is pinned");
	*out = pin->node;
	return NZ_OK;
}

static bool refuse(struct nz_refusal *refusal, int code, const struct nz_error *err)
{
	nz_refuse(refusal, code, "%s", nz_api_error_info(code)->message);
	if (err->message[0] != '\0')
		refusal->why = *err;
	return false;
}

/* The API's code for what a packet failed on. */
static bool refuse_packet(struct nz_refusal *refusal, enum nz_status status,
                          const struct nz_error *err)
{
	/* What is no verdict on the packet has a code of another kind, an errno perhaps. */
	switch (status < NZ_REFUSED ? err->code : NZ_PACKET_FAULT_NONE) {
	case NZ_PACKET_FAULT_JSON:
	case NZ_PACKET_FAULT_SHAPE:
		return refuse(refusal, status == NZ_LIMIT ? NZ_API_OVER_LIMIT : NZ_API_MALFORMED, err);
	case NZ_PACKET_FAULT_VERSION:
	case NZ_PACKET_FAULT_CIPHER:
	case NZ_PACKET_FAULT_REWRITE:
		return refuse(refusal, NZ_API_UNSUPPORTED, err);
	case NZ_PACKET_FAULT_TIME:
		return refuse(refusal, NZ_API_CLOCK, err);
	case NZ_PACKET_FAULT_BODY_HASH:
	case NZ_PACKET_FAULT_SENDER:
	case NZ_PACKET_FAULT_SIGNATURE:
		return refuse(refusal, NZ_API_SIGNATURE, err);
	default:
		break;
	}
	if (status == NZ_REPLAYED)
		return refuse(refusal, NZ_API_REPLAYED, err);
	if (err->code == NZ_PACKET_FAULT_REPLAY && status == NZ_LIMIT) {
		refuse(refusal, NZ_API_BUSY, err); /* the guard is full until entries expire */
		refusal->retry_after_s = 10;
		return false;
	}
	nz_refuse_fault(refusal, status, err, false);
	return false;
}

/* The node's pin into out; *pinned false where there is none. */
static bool look_up(struct nz_worker *worker, const char *node_id, struct nz_pin *out, bool *pinned,
                    struct nz_refusal *refusal)
{
	struct nz_error err = {0};
	const enum nz_status status =
		worker->state->ops->node_get(worker->state, node_id, out, &err);

	*pinned = status == NZ_OK;
	if (status == NZ_OK || status == NZ_NOT_FOUND)
		return true;
	nz_refuse_fault(refusal, status, &err, false);
	return false;
}

static bool check_state(const struct nz_pin *pin, struct nz_refusal *refusal)
{
	const struct nz_error none = {0};

	if (pin->state == NZ_NODE_REVOKED)
		return refuse(refusal, NZ_API_KEY_NOT_PINNED, &none);
	if (pin->state == NZ_NODE_OVERDUE || nz_clock_unix() - pin->pinned_at > NZ_KEY_LIFETIME_S)
		return refuse(refusal, NZ_API_ROTATION_OVERDUE, &none);
	return true;
}

bool nz_gate_admit(struct nz_worker *worker, struct nz_replay *replay, struct nz_bytes packet,
                   const struct nz_address *from, struct nz_admission *out,
                   struct nz_refusal *refusal)
{
	struct nz_pin pin NZ_CLEANUP(nz_pin_clear) = {{{0}}};
	struct nz_verified_packet *verified NZ_CLEANUP(nz_verified_packet_free) = NULL;
	struct nz_error err = {0};
	bool pinned;

	enum nz_status status =
		nz_packet_claimed_sender(packet, &open_limits, refusal->node_id, &err);
	if (status != NZ_OK)
		return refuse_packet(refusal, status, &err);
	if (!look_up(worker, refusal->node_id, &pin, &pinned, refusal))
		return false;
	if (pinned && !nz_networks_hold(pin.networks, pin.network_count, from))
		return refuse(refusal, NZ_API_ADDRESS, &err);
	const struct nz_verify_options options = {
		.limits = open_limits,
		.resolver = {.context = pinned ? &pin : NULL, .resolve = resolve_pin},
		.replay = replay,
	};

	status = nz_packet_verify(worker->crypto, packet, &options, &verified, &err);
	if (status != NZ_OK)
		return refuse_packet(refusal, status, &err);
	if (!check_state(&pin, refusal))
		return false;
	out->packet = verified;
	verified = NULL;
	out->pin = pin;
	pin = (struct nz_pin){{{0}}};
	return true;
}

bool nz_gate_granted(const struct nz_pin *pin, const char *dataset)
{
	for (size_t i = 0; i < pin->dataset_count; i++)
		if (strcmp(pin->datasets[i], dataset) == 0)
			return true;
	return false;
}
