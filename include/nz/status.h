/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How everything in nz fails.
 *
 * A function that can fail returns `enum nz_status` and takes `struct nz_error *err` last (NULL
 * when the caller does not want the diagnosis). Expected outcomes are listed in each function's
 * comment; anything else is a fault, passed up unchanged with NZ_TRY. Outputs are untouched on
 * failure. Nothing here allocates, so a failure can always be told.
 */
#ifndef NZ_STATUS_H
#define NZ_STATUS_H

enum nz_status {
	NZ_OK = 0,
	/* Expected outcomes. */
	NZ_END,         /* no more items */
	NZ_NOT_FOUND,   /* no such thing */
	NZ_EXISTS,      /* there already, and not to be overwritten */
	NZ_MALFORMED,   /* input breaks its format */
	NZ_LIMIT,       /* input is over a limit */
	NZ_UNSUPPORTED, /* known to be of a version, cipher or type that is not handled */
	NZ_UNVERIFIED,  /* a signature, tag or MAC does not verify: never said why */
	NZ_UNKNOWN,     /* the sender's key is not known */
	NZ_REPLAYED,    /* seen before */
	NZ_EXPIRED,     /* outside its time window */
	NZ_MISMATCH,    /* a hash or Merkle root differs */
	NZ_REFUSED,     /* the peer, the policy or the system forbids it */
	NZ_BUSY,        /* try again later */
	NZ_CANCELLED,   /* a signal or the caller asked to stop */
	/* Faults. */
	NZ_NO_MEMORY,
	NZ_IO,       /* operating system: err->code is errno */
	NZ_DATABASE, /* err->code is the engine's code */
	NZ_NETWORK,
	NZ_CRYPTO,   /* the crypto library failed on valid input */
	NZ_INVALID,  /* the caller broke the contract */
};

#define NZ_ERROR_MESSAGE_BYTES 480

struct nz_error {
	enum nz_status status;
	int code;           /* errno, engine code, API error code or module enum; 0 if none */
	unsigned retry_after_s; /* with NZ_BUSY: what the peer asked for, else 0 */
	char incident[40];  /* incident id where the failure was logged under one, else "" */
	char message[NZ_ERROR_MESSAGE_BYTES]; /* one line, for an operator; never a secret */
};

#define NZ_MUST_USE __attribute__((warn_unused_result))

/*
 * Fills err (when not NULL) with a formatted message and returns status, so that a failure is one
 * line: `return nz_fail(err, NZ_LIMIT, "packet is over %zu bytes", limit);`
 */
enum nz_status nz_fail(struct nz_error *err, enum nz_status status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* As nz_fail, with err->code set. */
enum nz_status nz_fail_code(struct nz_error *err, enum nz_status status, int code,
                            const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Puts "context: " before err's message, cutting the end when it does not fit; returns status. */
enum nz_status nz_error_prefix(struct nz_error *err, enum nz_status status, const char *format,
                               ...) __attribute__((format(printf, 3, 4)));

/* The name of a status, such as "replayed". Never NULL. */
const char *nz_status_name(enum nz_status status);

/* Passes any failure up unchanged. */
#define NZ_TRY(expr)                                       \
	do {                                               \
		const enum nz_status nz_try_status_ = (expr); \
		if (nz_try_status_ != NZ_OK)               \
			return nz_try_status_;             \
	} while (0)

#endif
