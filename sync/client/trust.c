/* SPDX-License-Identifier: Apache-2.0 */
#include "client/trust.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define CODE_NOT_BELIEVED 1001

static const struct nz_json_limits certificate_limits = {(size_t)1 << 20, 4, 16};

/* {"certificate": […], "statement": {…}} */
static void add_side(struct nz_json_doc *doc, struct nz_json *array,
		     const struct nz_statement *statement, const char *certificate)
{
	NZ_JSON_DOC(parsed);
	struct nz_json *side = nz_json_make_object(doc);

	nz_json_set(doc, side, "statement", nz_statement_to_json(statement, doc));
	if (certificate != NULL &&
	    nz_json_parse(nz_bytes_str(certificate), &certificate_limits, &parsed, NULL) == NZ_OK)
		nz_json_set(doc, side, "certificate", nz_json_copy(doc, nz_json_root(parsed)));
	nz_json_push(doc, array, side);
}

static enum nz_status write_new(const char *path, struct nz_bytes text)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return errno == EEXIST ? NZ_EXISTS : NZ_IO;
	while (text.len > 0) {
		const ssize_t wrote = write(fd, text.ptr, text.len);

		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			break;
		text.ptr += wrote;
		text.len -= (size_t)wrote;
	}
	const bool whole = text.len == 0 && fsync(fd) == 0;
	return close(fd) == 0 && whole ? NZ_OK : NZ_IO;
}

/* Beside a replica that is a file; in the working directory for one that is not. */
static enum nz_status evidence_path(const char *uri, const struct nz_statement *statement,
				    struct nz_buffer *path)
{
	static const char sqlite[] = "sqlite:";
	const bool file = strncmp(uri, sqlite, sizeof sqlite - 1) == 0;

	NZ_TRY(nz_buffer_appendf(path, "%s.equivocation-%lld.json",
				 file ? uri + sizeof sqlite - 1 : statement->name,
				 (long long)statement->epoch));
	return nz_buffer_cstr(path) != NULL ? NZ_OK : NZ_NO_MEMORY;
}

static enum nz_status save_evidence(const struct nz_checkpoint *checkpoint,
				    const struct nz_statement *statement, const char *certificate,
				    const char *path)
{
	NZ_JSON_DOC(doc);
	NZ_BUFFER(text);

	NZ_TRY(nz_json_new(&doc));
	struct nz_json *root = nz_json_make_object(doc);
	struct nz_json *sides = nz_json_make_array(doc);
	nz_json_set_str(doc, root, "evidence", "nz-sync-v2 equivocation");
	add_side(doc, sides, &checkpoint->statement, checkpoint->certificate);
	add_side(doc, sides, statement, certificate);
	nz_json_set(doc, root, "statements", sides);
	NZ_TRY(nz_json_failed(doc));
	NZ_TRY(nz_json_canonical(root, &text));
	NZ_TRY(nz_buffer_append_byte(&text, '\n'));
	return write_new(path, nz_buffer_bytes(&text));
}

static enum nz_status equivocation(const struct nz_checkpoint *checkpoint,
				   const struct nz_statement *statement, const char *certificate,
				   const char *replica_uri, struct nz_error *err)
{
	NZ_BUFFER(path);
	enum nz_status saved = evidence_path(replica_uri, statement, &path);

	if (saved == NZ_OK)
		saved = save_evidence(checkpoint, statement, certificate, (const char *)path.ptr);
	return nz_fail_code(err, NZ_REFUSED, CODE_NOT_BELIEVED,
			    "the platform signed two different states of %s as epoch %lld "
			    "(equivocation); %s%s",
			    statement->name, (long long)statement->epoch,
			    saved == NZ_OK || saved == NZ_EXISTS
				? "both signed statements are kept in "
				: "the evidence could not be written to ",
			    path.ptr != NULL ? (const char *)path.ptr : "a file");
}

enum nz_status nz_trust_statement(const struct nz_checkpoint *checkpoint,
				  const struct nz_statement *statement, const char *certificate,
				  bool accept_lineage, const char *replica_uri,
				  struct nz_error *err)
{
	if (checkpoint == NULL)
		return NZ_OK;
	const struct nz_statement *held = &checkpoint->statement;

	if (strcmp(held->platform, statement->platform) != 0 ||
	    strcmp(held->name, statement->name) != 0 ||
	    strcmp(held->lineage, statement->lineage) != 0) {
		if (accept_lineage)
			return NZ_OK;
		return nz_fail_code(
		    err, NZ_REFUSED, CODE_NOT_BELIEVED,
		    "the replica holds dataset %s of lineage %.8s, the platform offers "
		    "%s of lineage %.8s: another dataset, or one that was added anew; "
		    "--accept-lineage takes it",
		    held->name, held->lineage, statement->name, statement->lineage);
	}
	if (statement->epoch < held->epoch)
		return nz_fail_code(
		    err, NZ_REFUSED, CODE_NOT_BELIEVED,
		    "the platform offers epoch %lld of %s, the replica has seen %lld "
		    "(rollback)",
		    (long long)statement->epoch, statement->name, (long long)held->epoch);
	if (statement->epoch == held->epoch &&
	    (!nz_equal_ct(&statement->merkle_root, &held->merkle_root, sizeof held->merkle_root) ||
	     !nz_equal_ct(&statement->schema_sha256, &held->schema_sha256,
			  sizeof held->schema_sha256)))
		return equivocation(checkpoint, statement, certificate, replica_uri, err);
	return NZ_OK;
}
