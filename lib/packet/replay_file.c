/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replay guard that several processes share and that outlives them.
 *
 * PATH holds the records (replay_log.h); PATH.exists is what is locked, as it is never replaced, and
 * remembers that PATH was there once. Under the lock each check first reads what others appended
 * since, or the whole file again where another process compacted it, so all of them hold the same
 * table. A record is on the disk before the check says NZ_OK.
 *
 * A crash leaves at most one unfinished record, at the end: appends are synced one by one under the
 * lock. Such a record was confirmed to nobody, so it is cut off. A bad checksum anywhere else means
 * that confirmed records are lost, and then nothing is accepted any more. Starting over is an
 * operator's decision: after removing both files, packets of the last two windows could be replayed.
 */
#include "replay_log.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/* Compaction pays only when most of a file is dead, and not for small files. */
#define COMPACT_MIN_RECORDS 1024
#define READ_CELLS 1024

struct file_guard {
	struct nz_replay base; /* first, so that one pointer serves for both */
	const struct nz_crypto *crypto;
	pthread_mutex_t mutex;
	struct nz_replay_table table;
	char *path;
	int marker; /* PATH.exists, held open for its lock */
	int fd;     /* PATH, or -1 before it is first read */
	dev_t dev;  /* of fd: another one at PATH means that PATH was compacted */
	ino_t ino;
	off_t read_to; /* how far the table knows the file */
};

static enum nz_status damaged(const struct file_guard *self, struct nz_error *err)
{
	return nz_fail(err, NZ_MALFORMED,
	               "%s is damaged, so nothing is accepted; see the manual on starting over",
	               self->path);
}

static int read_full(int fd, uint8_t *out, size_t len, off_t at)
{
	while (len > 0) {
		const ssize_t got = pread(fd, out, len, at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return -1;
		out += got;
		len -= (size_t)got;
		at += got;
	}
	return 0;
}

/* One record from the file into the table. Entries already expired only raise the floor. */
static enum nz_status load_entry(struct file_guard *self, const struct nz_replay_entry *entry,
                                 int64_t now, struct nz_error *err)
{
	struct nz_replay_table *table = &self->table;

	if (entry->timestamp < now - (int64_t)table->limits.window_s) {
		if (entry->timestamp > table->floor)
			table->floor = entry->timestamp;
		return NZ_OK;
	}
	/*
	 * A nonce used again after its first entry had expired, read by a clock that was set back:
	 * when it was appended, everything up to the first one's timestamp was below the floor.
	 */
	const struct nz_replay_entry *first = nz_replay_table_find(table, &entry->key);
	if (first != NULL && first->timestamp >= entry->timestamp)
		return damaged(self, err);
	if (first != NULL)
		nz_replay_table_expire(table,
		                       first->timestamp + (int64_t)table->limits.window_s + 1);
	const enum nz_status status = nz_replay_table_reserve(table);
	if (status != NZ_OK)
		return nz_fail(err, status, "%s holds more than this guard has room for",
		               self->path);
	nz_replay_table_insert(table, entry);
	return NZ_OK;
}

/* Cells from read_to up to end, which is a whole number of them. *torn: the last one is bad. */
static enum nz_status load_cells(struct file_guard *self, off_t end, int64_t now, bool *torn,
                                 struct nz_error *err)
{
	NZ_BUFFER(step);
	NZ_TRY(nz_buffer_reserve(&step, (size_t)READ_CELLS * NZ_REPLAY_CELL_BYTES));

	while (self->read_to < end) {
		const off_t left = end - self->read_to;
		const size_t len = left < READ_CELLS * NZ_REPLAY_CELL_BYTES
		                           ? (size_t)left
		                           : (size_t)READ_CELLS * NZ_REPLAY_CELL_BYTES;

		if (read_full(self->fd, step.ptr, len, self->read_to) != 0)
			return nz_fail_code(err, NZ_IO, errno, "cannot read %s: %m", self->path);
		for (size_t at = 0; at < len; at += NZ_REPLAY_CELL_BYTES) {
			struct nz_replay_entry entry;
			enum nz_status status =
				nz_replay_log_read_record(self->crypto, step.ptr + at, &entry);

			if (status == NZ_MALFORMED && self->read_to + NZ_REPLAY_CELL_BYTES == end) {
				*torn = true;
				return NZ_OK;
			}
			if (status == NZ_MALFORMED)
				return damaged(self, err);
			NZ_TRY(status);
			NZ_TRY(load_entry(self, &entry, now, err));
			self->read_to += NZ_REPLAY_CELL_BYTES;
		}
	}
	return NZ_OK;
}

/* Brings the table up to the file's end and cuts an unfinished record off. */
static enum nz_status read_tail(struct file_guard *self, int64_t now, struct nz_error *err)
{
	struct stat st;
	bool torn = false;

	if (fstat(self->fd, &st) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", self->path);
	if (st.st_size < self->read_to)
		return damaged(self, err);
	const off_t odd = st.st_size % NZ_REPLAY_CELL_BYTES;
	NZ_TRY(load_cells(self, st.st_size - odd, now, &torn, err));
	/* An odd end is the unfinished record, so the whole one before it was finished. */
	if (torn && odd != 0)
		return damaged(self, err);
	if ((torn || odd != 0) && ftruncate(self->fd, self->read_to) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot repair %s: %m", self->path);
	return NZ_OK;
}

/* Opens PATH afresh and reads all of it. */
static enum nz_status reload(struct file_guard *self, int64_t now, struct nz_error *err)
{
	uint8_t cell[NZ_REPLAY_CELL_BYTES];
	struct stat st;
	int64_t floor;

	if (self->fd >= 0)
		close(self->fd);
	self->fd = open(self->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (self->fd < 0 && errno == ENOENT)
		return nz_fail(err, NZ_REFUSED,
		               "%s is missing although it existed once, so nothing is accepted; see "
		               "the manual on starting over",
		               self->path);
	if (self->fd < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", self->path);
	if (fstat(self->fd, &st) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", self->path);
	/*
	 * Whoever renamed it may have been killed before the folder was synced; and a record is worth
	 * nothing in a file that a power cut takes away again.
	 */
	NZ_TRY(nz_replay_log_sync_folder(self->path, err));
	/* The header came with a rename: it is there whole, or this is not our file. */
	if (!S_ISREG(st.st_mode) || st.st_size < NZ_REPLAY_CELL_BYTES)
		return damaged(self, err);
	if (read_full(self->fd, cell, sizeof cell, 0) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot read %s: %m", self->path);

	const enum nz_status status = nz_replay_log_read_header(self->crypto, cell, &floor);

	if (status != NZ_OK)
		return status == NZ_MALFORMED ? damaged(self, err) : status;
	nz_replay_table_reset(&self->table);
	self->table.floor = floor;
	self->dev = st.st_dev;
	self->ino = st.st_ino;
	self->read_to = NZ_REPLAY_CELL_BYTES;
	return read_tail(self, now, err);
}

/* Makes the table equal to what all processes have confirmed. Under the lock. */
static enum nz_status refresh(struct file_guard *self, int64_t now, struct nz_error *err)
{
	struct stat st;
	const bool there = stat(self->path, &st) == 0;
	enum nz_status status;

	if (there && self->fd >= 0 && st.st_dev == self->dev && st.st_ino == self->ino)
		status = read_tail(self, now, err);
	else
		status = reload(self, now, err);
	if (status != NZ_OK && self->fd >= 0) {
		close(self->fd); /* what was half read is read again next time */
		self->fd = -1;
	}
	return status;
}

/* Appends and syncs; on failure the file is as before, or has an unfinished record at its end. */
static enum nz_status append(struct file_guard *self, const struct nz_replay_entry *entry,
                             struct nz_error *err)
{
	uint8_t cell[NZ_REPLAY_CELL_BYTES];
	ssize_t wrote;

	NZ_TRY(nz_replay_log_record(self->crypto, entry, cell));
	do
		wrote = pwrite(self->fd, cell, sizeof cell, self->read_to);
	while (wrote < 0 && errno == EINTR);
	if (wrote == (ssize_t)sizeof cell && fdatasync(self->fd) == 0) {
		self->read_to += NZ_REPLAY_CELL_BYTES;
		return NZ_OK;
	}
	if (wrote >= 0 && wrote < (ssize_t)sizeof cell)
		errno = ENOSPC;
	nz_fail_code(err, NZ_IO, errno, "cannot append to %s: %m", self->path);
	/* Where this fails too, the next check cuts it off, or counts the nonce as used. */
	if (ftruncate(self->fd, self->read_to) != 0) {
		close(self->fd);
		self->fd = -1;
	}
	return NZ_IO;
}

static bool mostly_dead(const struct file_guard *self)
{
	const size_t records = (size_t)(self->read_to / NZ_REPLAY_CELL_BYTES) - 1;

	return records >= COMPACT_MIN_RECORDS && self->table.count < records / 2;
}

static enum nz_status check_locked(struct file_guard *self, const struct nz_replay_entry *entry,
                                   int64_t now, struct nz_error *err)
{
	NZ_TRY(refresh(self, now, err));
	nz_replay_table_expire(&self->table, now);
	if (mostly_dead(self)) {
		NZ_TRY(nz_replay_log_write(self->crypto, self->path, &self->table, err));
		NZ_TRY(refresh(self, now, err));
	}
	NZ_TRY(nz_replay_table_check(&self->table, entry, now, err));
	if (nz_replay_table_reserve(&self->table) != NZ_OK)
		return nz_fail(err, NZ_NO_MEMORY, "no memory for the replay guard");
	NZ_TRY(append(self, entry, err));
	nz_replay_table_insert(&self->table, entry);
	return NZ_OK;
}

static enum nz_status lock(const struct file_guard *self, struct nz_error *err)
{
	while (flock(self->marker, LOCK_EX) != 0)
		if (errno != EINTR)
			return nz_fail_code(err, NZ_IO, errno, "cannot lock %s.exists: %m",
			                    self->path);
	return NZ_OK;
}

static enum nz_status file_check(struct nz_replay *guard, struct nz_bytes node_id,
                                 struct nz_bytes nonce, int64_t timestamp, int64_t now,
                                 struct nz_error *err)
{
	struct file_guard *self = (struct file_guard *)guard;
	struct nz_replay_entry entry;

	NZ_TRY(nz_replay_entry_make(self->crypto, node_id, nonce, timestamp, &entry, err));
	pthread_mutex_lock(&self->mutex);
	enum nz_status status = lock(self, err);
	if (status == NZ_OK) {
		status = check_locked(self, &entry, now, err);
		flock(self->marker, LOCK_UN);
	}
	pthread_mutex_unlock(&self->mutex);
	return status;
}

static void file_free(struct nz_replay *guard)
{
	struct file_guard *self = (struct file_guard *)guard;

	nz_replay_table_clear(&self->table);
	pthread_mutex_destroy(&self->mutex);
	if (self->fd >= 0)
		close(self->fd);
	if (self->marker >= 0)
		close(self->marker);
	nz_free_str(&self->path);
	free(self);
}

static const struct nz_replay_ops file_ops = {
	.name = "file",
	.check = file_check,
	.free = file_free,
};

/*
 * The first use. An empty marker is one whose file is still to be made; it gets its content after
 * the file is durable and before any check, so a crash in between is no loss. Under the lock.
 */
static enum nz_status create_once(struct file_guard *self, struct nz_error *err)
{
	static const char text[] = "a replay guard's file is beside this one; see nz\n";
	struct stat st;

	if (fstat(self->marker, &st) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot look at %s.exists: %m", self->path);
	if (st.st_size > 0)
		return NZ_OK;
	if (lstat(self->path, &st) != 0) {
		if (errno != ENOENT)
			return nz_fail_code(err, NZ_IO, errno, "cannot look at %s: %m", self->path);
		NZ_TRY(nz_replay_log_write(self->crypto, self->path, &self->table, err));
	}
	if (pwrite(self->marker, text, sizeof text - 1, 0) != (ssize_t)sizeof text - 1 ||
	    fsync(self->marker) != 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot write %s.exists: %m", self->path);
	return NZ_OK;
}

static enum nz_status open_marker(struct file_guard *self, struct nz_error *err)
{
	NZ_BUFFER(name);
	NZ_TRY(nz_buffer_appendf(&name, "%s.exists", self->path));
	const char *marker = nz_buffer_cstr(&name);

	if (marker == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	self->marker = open(marker, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	if (self->marker < 0)
		return nz_fail_code(err, NZ_IO, errno, "cannot open %s: %m", marker);
	NZ_TRY(lock(self, err));
	enum nz_status status = create_once(self, err);
	if (status == NZ_OK && access(self->path, F_OK) != 0)
		status = reload(self, 0, err); /* says that it is missing */
	flock(self->marker, LOCK_UN);
	return status;
}

enum nz_status nz_replay_file(const struct nz_crypto *crypto, const char *path,
                              const struct nz_replay_limits *limits, struct nz_replay **out,
                              struct nz_error *err)
{
	struct file_guard *self = calloc(1, sizeof *self);

	if (self == NULL)
		return nz_fail(err, NZ_NO_MEMORY, "no memory");
	self->base.ops = &file_ops;
	self->crypto = crypto;
	self->marker = -1;
	self->fd = -1;
	pthread_mutex_init(&self->mutex, NULL);
	self->path = nz_strdup_bytes(nz_bytes_str(path));
	enum nz_status status = self->path == NULL ? nz_fail(err, NZ_NO_MEMORY, "no memory")
	                                           : nz_replay_table_init(&self->table, crypto, limits);
	if (status == NZ_OK)
		status = open_marker(self, err);
	if (status != NZ_OK) {
		file_free(&self->base);
		return status;
	}
	*out = &self->base;
	return NZ_OK;
}
